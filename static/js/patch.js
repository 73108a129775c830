// Puts fragments that the server rendered where they belong. A fragment that somebody is typing in, or whose menu is open,
// waits until that is over. Rows of a list are left to rows.js.
//   in:  "fragments:arrived" {html, from, share}   from: the element whose own request this answers; it never waits
//                                                  share: is set to the greatest part of a fragment that was replaced, 0 to 1
//   out: "fragments:patched"

const served = new WeakMap(); // element → its markup as the server sent it, before anybody touched it
const markupOf = (element) => element.outerHTML.replace(/<input[^>]*csrfmiddlewaretoken[^>]*>/g, ""); // that one always differs
const waiting = new Map(); // id → the newest markup of a fragment that is held

const remember = (root) => {
  for (const element of root.querySelectorAll("[data-fragment], [data-row]")) served.set(element, markupOf(element));
};

const isHeld = (fragment) => {
  const writes = "input:not([type=checkbox]), select, textarea";
  const typing = fragment.contains(document.activeElement) && document.activeElement.matches(writes);
  return typing || fragment.querySelector("details.menu[open]") !== null;
};

const swap = (old, fresh) => {
  const focused = old.contains(document.activeElement) && document.activeElement.dataset.action;
  old.replaceWith(fresh);
  window.htmx?.process(fresh);
  if (focused) fresh.querySelector(`[data-action="${CSS.escape(focused)}"]`)?.focus();
};

// Returns which part of what it shows was replaced, 0 to 1.
function patchFragment(fresh, from) {
  const old = document.getElementById(fresh.id);
  const markup = markupOf(fresh);
  if (!old || served.get(old) === markup) return 0;
  if (!from && !fresh.childElementCount && old.matches(".messages")) return 0; // no news is no reason to take a word away
  if (isHeld(old) && !(from && old.contains(from))) {
    waiting.set(fresh.id, fresh.outerHTML);
    return 0;
  }
  waiting.delete(fresh.id);
  const request = { old, fresh, markup, served, from, taken: false, share: 1 };
  document.dispatchEvent(new CustomEvent("fragments:keyed", { detail: request }));
  if (request.taken) return request.share;
  swap(old, fresh);
  served.set(fresh, markup);
  remember(fresh);
  return 1;
}

document.addEventListener("fragments:arrived", ({ detail }) => {
  const page = new DOMParser().parseFromString(detail.html, "text/html");
  const fragments = [...page.querySelectorAll("[data-fragment]")];
  detail.share = Math.max(0, ...fragments.map((fragment) => patchFragment(document.adoptNode(fragment), detail.from)));
  if (fragments.length) document.dispatchEvent(new CustomEvent("fragments:patched"));
});

// What was held is shown as soon as nothing holds it.
const release = () =>
  setTimeout(() => {
    for (const [id, markup] of waiting) {
      const old = document.getElementById(id);
      if (old && isHeld(old)) continue;
      document.dispatchEvent(new CustomEvent("fragments:arrived", { detail: { html: markup } }));
    }
  });
document.addEventListener("focusout", release);
document.addEventListener("toggle", release, true);

remember(document);
