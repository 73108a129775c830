// The socket: hears what changed, asks for fragments, shows the figures, and says how old the page is when nothing can be heard.
//   in: "live:ask" {fragment, query, at, answer}
//   out: "live:change" {incidents, kinds, count, at, rest}, "live:resync" (something may have been missed)

const PING = 5_000; // ms
const SILENCE = 12_000; // ms without an answer: the connection is dead, whatever the browser thinks
const SIGNED_OUT = 4401;
const TITLE = 3_000; // ms between two changes of the title, which cost the browser more than all figures of a page …
const MANY = 99; // … and from here on it says "99+", so that a flood changes it once

const fresh = document.getElementById("fresh");
let socket = null;
let attempt = 0;
let seen = 0; // the number of the last message
let asked = 0; // the number of the last question
const answers = new Map(); // number of a question → who waits for the answer
let heardAt = Date.now(); // until when the page was known to be up to date
let waiting = 0; // how many need someone
let titleTimer = 0;
let freshTimer = 0;

const tell = (name, detail) => document.dispatchEvent(new CustomEvent(`live:${name}`, { detail }));

function showCounts(counts) {
  for (const figure of document.querySelectorAll("[data-count]")) {
    const value = counts[figure.dataset.count];
    if (value === undefined || String(value) === figure.dataset.value) continue;
    figure.dataset.value = value;
    if (figure.firstChild) figure.firstChild.nodeValue = value; // in place: half the work of a new text
    else figure.textContent = value;
  }
  waiting = counts.need_someone;
  if (!titleTimer) showTitle();
}

function showTitle() {
  const bare = document.title.replace(/^\(\d+\+?\) /, "");
  const title = waiting ? `(${waiting > MANY ? `${MANY}+` : waiting}) ${bare}` : bare;
  titleTimer = 0;
  if (title === document.title) return;
  document.title = title;
  titleTimer = setTimeout(showTitle, TITLE);
}

function showFreshness() {
  if (!fresh) return;
  const live = socket?.readyState === WebSocket.OPEN && Date.now() - heardAt < SILENCE;
  const age = Math.round((Date.now() - heardAt) / 1000);
  const text = live ? "Live" : `Stale since ${age < 90 ? `${age} s` : `${Math.round(age / 60)} min`}`;
  fresh.dataset.state = live ? "live" : "stale";
  if (fresh.textContent !== text) fresh.textContent = text;
  clearTimeout(freshTimer);
  freshTimer = setTimeout(showFreshness, live ? PING : 1000);
}

function hear(message) {
  heardAt = Date.now();
  if (message.v) {
    if (seen && message.v !== seen + 1) tell("resync");
    seen = message.v;
  }
  if (message.counts) showCounts(message.counts);
  if (message.at) tell("change", message);
  if (message.answer) {
    answers.get(message.answer)?.(message.html);
    answers.delete(message.answer);
  }
}

document.addEventListener("live:ask", ({ detail: { answer, ...question } }) => {
  if (socket?.readyState !== WebSocket.OPEN) return answer("");
  asked += 1;
  answers.set(asked, answer);
  socket.send(JSON.stringify({ ask: asked, ...question }));
});

function forget() {
  for (const answer of answers.values()) answer("");
  answers.clear();
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/ws/console`);
  seen = 0;
  socket.onopen = () => {
    heardAt = Date.now();
    tell("resync"); // something may have happened since the page was rendered, or while the socket was away
    attempt = 0;
    showFreshness();
  };
  socket.onmessage = ({ data }) => hear(JSON.parse(data));
  socket.onclose = ({ code }) => {
    if (code === SIGNED_OUT) return location.reload();
    forget();
    attempt += 1;
    showFreshness();
    setTimeout(connect, Math.min(10_000, 300 * 2 ** Math.min(attempt, 6)) * (0.5 + Math.random() / 2));
  };
}

if (fresh) {
  connect();
  freshTimer = setTimeout(showFreshness, 1000);
  setInterval(() => {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (Date.now() - heardAt > SILENCE) socket.close();
    else socket.send(JSON.stringify({ ping: seen }));
  }, PING);
  waiting = Number(document.querySelector('[data-count="need_someone"]')?.dataset.value);
  showTitle();
}
