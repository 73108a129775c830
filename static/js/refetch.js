// Asks for what changes on this page again: at once after a quiet spell, then at most five times a second (less often when the
// answers come slowly), one request at a time, and not at all while nobody looks.
//   in: "live:change" {incidents, kinds, at}, "live:resync"   out: "fragments:arrived"

const PACE = 200; // ms between two requests
const SHARE = 6; // … and this many times as long as the last one took
const SAFETY = 60_000; // ms: also without news, in case some got lost

const main = document.querySelector("main[data-refetch]");
let at = ""; // the newest change that this page heard of
let whole = false; // whether more than the board has to come
let dirty = false;
let running = false;
let next = 0; // performance.now() from which another request may start
let timer = 0;

const concerns = ({ incidents }) => !main.dataset.incident || !incidents.length || incidents.includes(main.dataset.incident);

async function fetchNow() {
  const headers = { "HX-Request": "true" };
  if (at) headers["Live-Version"] = at;
  if (main.dataset.refetch === "board" && !whole) headers["HX-Target"] = "board";
  [dirty, whole, running] = [false, false, true];
  const began = performance.now();
  try {
    const response = await fetch(location.href, { headers, signal: AbortSignal.timeout(10_000) });
    if (response.status === 401) location.reload();
    else if (response.ok) {
      const html = await response.text();
      document.dispatchEvent(new CustomEvent("fragments:arrived", { detail: { html } }));
    }
  } catch {
    // The socket notices a server that is away, and asks for everything when it is back.
  } finally {
    running = false;
    next = performance.now() + Math.max(PACE, SHARE * (performance.now() - began));
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

if (main) {
  document.addEventListener("live:change", ({ detail }) => {
    if (!concerns(detail)) return;
    at = detail.at;
    whole ||= detail.kinds.some((kind) => kind !== "ingest");
    schedule();
  });
  document.addEventListener("live:resync", () => {
    [at, whole] = ["", true];
    schedule();
  });
  document.addEventListener("visibilitychange", () => dirty && schedule());
  setInterval(() => {
    [at, whole] = ["", true];
    schedule();
  }, SAFETY);
}
