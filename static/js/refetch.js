// Asks for what changes on this page again: at once after a quiet spell, then at most five times a second, one at a time, and not
// at all while nobody looks. Where many look, the server says for how long a page should wait, so that they do not all ask in one
// instant; in a storm also for how long it should rest after all that it shows was replaced (after less in proportion), and each page
// then has its turn at the same place in each such round. A page that is slow itself rests longer. A fragment that is the same for many comes over the socket, where it
// costs the server a tenth; the whole page, with what is one's own, by HTTP.
//   in: "live:change" {incidents, kinds, at, wait, rest}, "live:resync"
//   out: "live:ask" {fragment, query, at, answer}, "fragments:arrived" {html, share}

const PACE = 200; // ms between two requests
const SHARE = 10; // … and this many times as long as the last one took, until it was painted …
const SLOWEST = 400; // … but without a storm never so long that one change after another would miss its second
const LONGEST = 5_000; // … and in a storm no longer than this
const LEAST = 0.1; // of the time that a list rests in a storm: even if nothing changed, the server had to look
const PERSONAL = ["incident", "timer"]; // kinds of change after which what is one's own may be different, too
const SAFETY = 60_000; // ms: also without news, in case some got lost
const PATIENCE = 10_000; // ms

const main = document.querySelector("main[data-refetch]");
let at = ""; // the newest change that this page heard of
let whole = false; // whether more than the shared fragment has to come
let dirty = false;
let running = false;
let timer = 0;
let [wait, rest] = [0, 0]; // ms; rest is over 0 in a storm
let dirtyAt = 0; // performance.now(), as all times here
let last = { ended: 0, took: 0, share: 0 }; // the last request: which share of what is shown it replaced

const concerns = ({ incidents }) => !main.dataset.incident || !incidents.length || incidents.includes(main.dataset.incident);

const overSocket = () =>
  new Promise((resolve) => {
    setTimeout(resolve, PATIENCE, "");
    const detail = { fragment: main.dataset.refetch, query: location.search.slice(1), at, answer: resolve };
    document.dispatchEvent(new CustomEvent("live:ask", { detail }));
  });

async function overHttp() {
  const response = await fetch(location.href, { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(PATIENCE) });
  if (response.status === 401) location.reload();
  return response.ok ? response.text() : "";
}

// When what was put into the page is on the screen (or half a second later, where nothing is painted).
const painted = () =>
  new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 500);
  });

// When it is the turn of the page at this place (ms from the start of a round), at *from* or after. Rounds go by the wall clock, so
// that pages stay apart, however long each of them took.
function turn(from, place, round) {
  const into = (performance.timeOrigin + from - place) % round;
  return into > 0 ? from + round - into : from - into;
}

// From when on another request may start. It depends on the storm, which may have ended since the last one.
function due() {
  const earliest = last.ended + Math.max(PACE, Math.min(SHARE * last.took, rest ? LONGEST : SLOWEST));
  if (!rest) return Math.max(dirtyAt + wait, earliest);
  const part = Math.max(LEAST, last.share);
  return turn(Math.max(dirtyAt, earliest), wait * part, rest * part);
}

async function fetchNow() {
  const shared = main.dataset.refetch !== "page" && at && !(whole && !rest); // in a storm, what is one's own waits for its end
  whole &&= shared;
  [dirty, running] = [false, true];
  const began = performance.now();
  const detail = { html: "", share: 0 };
  try {
    detail.html = await (shared ? overSocket() : overHttp());
    if (detail.html) document.dispatchEvent(new CustomEvent("fragments:arrived", { detail }));
    if (detail.share && !document.hidden) await painted();
  } catch {
    // The socket notices a server that is away, and asks for everything when it is back.
  } finally {
    running = false;
    const ended = performance.now();
    last = { ended, took: ended - began, share: detail.share };
    if (dirty) schedule();
  }
}

function schedule() {
  if (!dirty) dirtyAt = performance.now();
  dirty = true;
  if (running || document.hidden) return;
  clearTimeout(timer);
  timer = setTimeout(fetchNow, Math.max(0, due() - performance.now()));
}

function resync() {
  [at, whole] = ["", true];
  schedule();
}

if (main) {
  document.addEventListener("live:change", ({ detail }) => {
    if (!concerns(detail)) return;
    if (!rest) last.share = 1; // how much of a list a storm replaces is not known when it begins
    [at, wait, rest] = [detail.at, detail.wait, detail.rest];
    whole ||= detail.kinds.some((kind) => PERSONAL.includes(kind));
    schedule();
  });
  document.addEventListener("live:resync", resync);
  document.addEventListener("visibilitychange", () => dirty && schedule());
  setInterval(resync, SAFETY);
}
