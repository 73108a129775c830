// The socket: shows the figures, and asks how this page looks now. One question is under way at a time; the next follows when the
// answer is on the screen, and none while nobody looks. The server answers when there is something new, as often as it can.
//   in:  "live:missed" (something was left out: ask for all of it)
//   out: "fragments:arrived" {html}

const PING = 5_000; // ms
const SILENCE = 12_000; // ms without an answer: the connection is dead, whatever the browser thinks
const SIGNED_OUT = 4401; // close code

const main = document.querySelector("main[data-refetch]");
const fresh = document.getElementById("fresh");
let socket = null;
let attempt = 0;
let asking = false;
let heardAt = Date.now(); // until when the page was known to be up to date

const query = () => location.search.slice(1);
const isOpen = () => socket?.readyState === WebSocket.OPEN;

function ask(missed = false) {
  if (!main || !isOpen() || document.hidden) return;
  const { refetch, incident } = main.dataset;
  asking = true;
  socket.send(JSON.stringify({ ask: refetch, query: query(), incident, missed }));
}

async function overHttp() {
  const response = await fetch(location.href, { headers: { "HX-Request": "true" }, signal: AbortSignal.timeout(SILENCE) });
  if (response.status === 401) location.reload();
  if (!response.ok) throw new Error(response.status);
  return response.text();
}

// When what was put into the page is on the screen (or half a second later, where nothing is painted).
const painted = () =>
  new Promise((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve));
    setTimeout(resolve, 500);
  });

async function show({ answer, html }) {
  asking = false;
  if (answer !== query()) return ask(true); // the list has other filters by now
  try {
    document.dispatchEvent(new CustomEvent("fragments:arrived", { detail: { html: html ?? (await overHttp()) } }));
  } catch {
    return setTimeout(ask, PING, true);
  }
  await painted();
  if (!asking) ask();
}

function showCounts(counts) {
  for (const figure of document.querySelectorAll("[data-count]")) {
    const value = counts[figure.dataset.count];
    if (value === undefined || String(value) === figure.dataset.value) continue;
    figure.dataset.value = value;
    if (figure.firstChild) figure.firstChild.nodeValue = value; // in place: half the work of a new text
    else figure.textContent = value;
  }
  showTitle(counts.need_someone);
}

function showTitle(waiting) {
  const bare = document.title.replace(/^\(\d+\+?\) /, "");
  const title = waiting ? `(${waiting > 99 ? "99+" : waiting}) ${bare}` : bare; // a flood changes it once
  if (title !== document.title) document.title = title;
}

function showFreshness() {
  const live = isOpen() && Date.now() - heardAt < SILENCE;
  const age = Math.round((Date.now() - heardAt) / 1000);
  const text = live ? "Live" : `Stale since ${age < 90 ? `${age} s` : `${Math.round(age / 60)} min`}`;
  fresh.dataset.state = live ? "live" : "stale";
  if (fresh.textContent !== text) fresh.textContent = text;
}

function hear(message) {
  [heardAt, attempt] = [Date.now(), 0];
  if (message.counts) showCounts(message.counts);
  if (message.answer !== undefined) show(message);
}

function connect() {
  socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/ws/console`);
  socket.onopen = () => {
    heardAt = Date.now();
    ask(true); // something may have happened since the page was rendered, or while the socket was away
    showFreshness();
  };
  socket.onmessage = ({ data }) => hear(JSON.parse(data));
  socket.onclose = ({ code }) => {
    if (code === SIGNED_OUT) return location.reload();
    asking = false;
    attempt += 1;
    showFreshness();
    setTimeout(connect, Math.min(10_000, 300 * 2 ** Math.min(attempt, 6)) * (0.5 + Math.random() / 2));
  };
}

if (fresh) {
  connect();
  document.addEventListener("live:missed", () => ask(true));
  document.addEventListener("visibilitychange", () => asking || ask());
  setInterval(showFreshness, 1000);
  setInterval(() => {
    if (isOpen() && Date.now() - heardAt > SILENCE) socket.close();
    else if (isOpen()) socket.send(JSON.stringify({ ping: 1 }));
  }, PING);
  showTitle(Number(document.querySelector('[data-count="need_someone"]')?.dataset.value));
}
