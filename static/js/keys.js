// Keys: j/k move, Enter opens, x selects; a, r, s, e, n act on what is selected, else on the current row, else on the page.
// Never while somebody types. What would touch several incidents asks to be pressed again.

const AGAIN = 4000; // ms
const PAGES = { o: "/console", i: "/console/incidents" };
const NEW = "/console/incidents/new";
const rows = () => [...document.querySelectorAll("[data-rows] [data-row]")].filter((row) => row.querySelector(".row-title"));
const current = () => document.querySelector("[data-row].is-current");
const selected = () => Number(document.querySelector("[data-bulk]")?.dataset.selected ?? 0);
const say = (text) => document.dispatchEvent(new CustomEvent("messages:say", { detail: { text, kind: "warning" } }));
const mayAct = () => document.body.matches("[data-operator]");
let went = 0; // when g was pressed
let armed = { key: "", at: 0 };

function move(step) {
  const all = rows();
  if (!all.length) return;
  const from = all.indexOf(current());
  const to = from < 0 ? 0 : Math.min(all.length - 1, Math.max(0, from + step));
  all[from]?.classList.remove("is-current");
  all[to].classList.add("is-current");
  all[to].querySelector(".row-title").focus();
}

function inBulk(key, action) {
  const button = document.querySelector(`[data-bulk] [data-action="${action}"]`);
  if (selected() > 1 && (armed.key !== key || Date.now() - armed.at > AGAIN)) {
    armed = { key, at: Date.now() };
    return say(`Press ${key} again to ${action} ${selected()} incidents.`);
  }
  armed = { key: "", at: 0 };
  button.click();
}

function onRow(row, action) {
  const url = row.querySelector(".row-title").href;
  if (mayAct()) window.htmx.ajax("POST", `${url}/${action}`, { source: row, swap: "none" });
}

function openMenu(name) {
  const menu = document.querySelector(`details[data-menu="${name}"]`);
  if (menu) menu.open = true;
  return Boolean(menu);
}

const ACTIONS = { a: "acknowledge", r: "resolve" };
const ON_ROWS = { ...ACTIONS, i: "investigate" };
const PLACES = { s: "snooze", e: "escalate", n: "note" };

function act(key) {
  const row = current();
  if (ACTIONS[key] && selected()) return inBulk(key, ACTIONS[key]);
  if (ON_ROWS[key] && row) return onRow(row, ON_ROWS[key]);
  if (key === "s" && (row || selected())) {
    if (!selected()) row.querySelector(".row-check").click();
    return openMenu("snooze");
  }
  if (PLACES[key] && row) return location.assign(`${row.querySelector(".row-title").href}#${PLACES[key]}`);
  const target = document.querySelector(`main [data-key="${key}"], .top [data-key="${key}"]`);
  if (!target && key === "c" && mayAct()) return location.assign(NEW);
  if (!target) return false;
  if (target.matches("input, textarea")) target.focus();
  else target.click();
}

const EVERYWHERE = {
  j: () => move(1),
  k: () => move(-1),
  x: () => current()?.querySelector(".row-check")?.click(),
  u: () => document.querySelector("[data-pill]:not([hidden])")?.click(),
  "?": () => document.getElementById("keys").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select, dialog[open], [contenteditable]")) return;
  const { key } = event;
  if (Date.now() - went < 1000 && PAGES[key]) return location.assign(PAGES[key]);
  went = key === "g" ? Date.now() : 0;
  if (EVERYWHERE[key]) EVERYWHERE[key]();
  else if (!"arsenci/".includes(key) || act(key) === false) return;
  event.preventDefault();
});

// Where a row's key led: #snooze and #escalate open their menu, #note takes the focus.
const wish = location.hash.slice(1);
if (wish === "note") document.getElementById("note")?.focus();
else if (Object.values(PLACES).includes(wish)) openMenu(wish);
document.addEventListener("focusin", ({ target }) => {
  const row = target.closest?.("[data-rows] [data-row]");
  if (!row || row === current()) return;
  current()?.classList.remove("is-current");
  row.classList.add("is-current");
});
