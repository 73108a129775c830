// Puts fragments that the server rendered where they belong. Idiomorph changes only what differs, so the focus, what is selected and
// what is typed stay. What somebody has in hand (an open menu, a field with the focus) is left alone, and asked for when it is let go.
//   in:  "fragments:arrived" {html, from}   from: the element whose own request this answers
//   out: "list:arrived" {old, fresh, from, morph, taken} (whoever takes it puts it in place), "fragments:patched", "live:missed"

const GLOWS = 3; // rows that may glow at a time; in a storm all would only flicker
const IN_HAND = "details.menu[open], :is(input:not([type=checkbox]), select, textarea):focus";
const served = new WeakMap(); // row → its markup as the server sent it, before anybody touched it
let leftAlone = false;

// Gives the rows that are in it.
function remember(root) {
  const rows = [root, ...(root.querySelectorAll?.("[data-row]") ?? [])].filter((each) => each.matches?.("[data-row]"));
  for (const row of rows) served.set(row, row.outerHTML);
  return rows;
}

const isTouched = ({ value, defaultValue, checked, defaultChecked }) => value !== defaultValue || checked !== defaultChecked;
const isSameTime = (old, fresh) => old.dateTime === fresh.dateTime && old.dataset.time === fresh.dataset.time;

function isInHand(element) {
  const found = element.matches(IN_HAND) || element.querySelector(IN_HAND) !== null;
  leftAlone ||= found;
  return found;
}

// Whether *old* is to become what *fresh* is. Rows that do are noted in *changed*.
function isToChange(old, fresh, changed) {
  if (old.nodeType !== Node.ELEMENT_NODE) return true;
  if (old.matches("time")) return !isSameTime(old, fresh); // times.js wrote its text
  if (old.matches(IN_HAND)) return !isInHand(old);
  if (old.matches("input, textarea")) return !isTouched(old);
  if (!old.matches("[data-row]")) return true;
  old.classList.toggle("is-gone", fresh.classList.contains("is-gone"));
  if (served.get(old) === fresh.outerHTML) return false;
  served.set(old, fresh.outerHTML);
  fresh.classList.toggle("is-current", old.classList.contains("is-current"));
  changed.push(old);
  return true;
}

// Makes each old element of these pairs what its fresh one is.
function morph(pairs) {
  const changed = [];
  const callbacks = {
    beforeNodeMorphed: (old, fresh) => isToChange(old, fresh, changed),
    beforeAttributeUpdated: (name) => name !== "open", // whether details are open is the reader's
    beforeNodeRemoved: (old) => old.nodeType !== Node.ELEMENT_NODE || !isInHand(old),
    afterNodeAdded: (added) => changed.push(...remember(added)),
  };
  for (const [old, fresh] of pairs) {
    window.Idiomorph.morph(old, fresh, { callbacks });
    if (old.querySelector("[hx-get], [hx-post]")) window.htmx?.process(old);
  }
  if (changed.length <= GLOWS) for (const row of changed) row.classList.add("is-fresh");
}

function put(fresh, from) {
  const old = document.getElementById(fresh.id);
  if (!old) return;
  if (old.matches(".messages")) {
    if (from || fresh.childElementCount) old.replaceChildren(...fresh.children); // no news is no reason to take a word away
    return;
  }
  const detail = { old, fresh, from, morph, taken: false };
  if (old.matches("[data-keyed=still]")) document.dispatchEvent(new CustomEvent("list:arrived", { detail }));
  if (!detail.taken) morph([[old, fresh]]);
}

document.addEventListener("fragments:arrived", ({ detail: { html, from } }) => {
  const fragments = new DOMParser().parseFromString(html, "text/html").querySelectorAll("[data-fragment]");
  for (const fragment of fragments) put(fragment, from);
  if (fragments.length) document.dispatchEvent(new CustomEvent("fragments:patched"));
});

const release = () =>
  setTimeout(() => {
    if (!leftAlone || document.querySelector(`[data-fragment] :is(${IN_HAND})`)) return;
    leftAlone = false;
    document.dispatchEvent(new CustomEvent("live:missed"));
  });
document.addEventListener("focusout", release);
document.addEventListener("toggle", release, true);
document.addEventListener("animationend", ({ target }) => target.classList.remove("is-fresh"));

remember(document.body);
