// Asks for what changes on this page again: at once after a quiet spell, then at most five times a second (less often when the
// answers come slowly), one at a time, and not at all while nobody looks. A fragment that is the same for many comes over the
// socket, where it costs the server a tenth; the whole page, with what is one's own, by HTTP.
//   in: "live:change" {incidents, kinds, count, at}, "live:resync"   out: "live:ask" {fragment, query, at, answer}, "fragments:arrived"

const PACE = 200; // ms between two requests
const SHARE = 6; // … and this many times as long as the last one took, until it was painted
const STORM = 25; // changes a second that nobody can follow row by row: figures and pill tell of them, rows come
const CALM = 1000; // … this many ms apart
const SAFETY = 60_000; // ms: also without news, in case some got lost
const PATIENCE = 10_000; // ms

const main = document.querySelector("main[data-refetch]");
let at = ""; // the newest change that this page heard of
let whole = false; // whether more than the shared fragment has to come
let dirty = false;
let running = false;
let next = 0; // performance.now() from which another request may start
let timer = 0;
let recent = []; // when changes came, within the last second: [performance.now(), how many]

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

function pace(took) {
  recent = recent.filter(([when]) => when > performance.now() - 1000);
  const storm = recent.reduce((sum, [, count]) => sum + count, 0) > STORM;
  // Without a storm never so slow that one change after another would miss its second.
  return storm ? Math.max(CALM, SHARE * took) : Math.min(CALM / 2, Math.max(PACE, SHARE * took));
}

async function fetchNow() {
  const shared = main.dataset.refetch !== "page" && at && !whole;
  [dirty, whole, running] = [false, false, true];
  const began = performance.now();
  try {
    const html = await (shared ? overSocket() : overHttp());
    if (html) document.dispatchEvent(new CustomEvent("fragments:arrived", { detail: { html } }));
    if (html && !document.hidden) await painted();
  } catch {
    // The socket notices a server that is away, and asks for everything when it is back.
  } finally {
    running = false;
    next = performance.now() + pace(performance.now() - began);
    if (dirty) schedule();
  }
}

function schedule() {
  dirty = true;
  if (running || timer || document.hidden) return;
  timer = setTimeout(() => {
    timer = 0;
    if (dirty && !running) fetchNow();
  }, Math.max(0, next - performance.now()));
}

function resync() {
  [at, whole] = ["", true];
  schedule();
}

if (main) {
  document.addEventListener("live:change", ({ detail }) => {
    if (!concerns(detail)) return;
    at = detail.at;
    recent.push([performance.now(), detail.count]);
    whole ||= detail.kinds.some((kind) => kind !== "ingest");
    schedule();
  });
  document.addEventListener("live:resync", resync);
  document.addEventListener("visibilitychange", () => dirty && schedule());
  setInterval(resync, SAFETY);
}
