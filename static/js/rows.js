// Lists change row by row: what stayed the same is not touched. A list that is kept "still" never jumps under the pointer:
// while the pointer or the focus is in it, or it is scrolled, rows change in place, those that left the view fade, and new ones
// wait behind a pill.
//   in:  "fragments:keyed" {old, fresh, markup, served, from}, "rows:release"   out: "rows:held" {fresh: n}

let latest = null; // the newest request for a held list

const rowsOf = (fragment) => (fragment.matches("[data-rows]") ? fragment : fragment.querySelector("[data-rows]"));
const isHeld = (fragment) => {
  const rows = rowsOf(fragment);
  return rows.matches(":hover") || rows.contains(document.activeElement) || window.scrollY > 120;
};

function renew(row, fresh, served) {
  if (served.get(row) === fresh.outerHTML) {
    row.classList.remove("is-gone");
    return row;
  }
  const focused = row.contains(document.activeElement) && document.activeElement.className;
  served.set(fresh, fresh.outerHTML);
  for (const name of ["is-current"]) fresh.classList.toggle(name, row.classList.contains(name));
  const box = fresh.querySelector("[type=checkbox]");
  if (box) box.checked = row.querySelector("[type=checkbox]")?.checked ?? false;
  fresh.classList.add("is-fresh");
  row.replaceWith(fresh);
  if (focused) fresh.getElementsByClassName(focused)[0]?.focus();
  return fresh;
}

function inPlace({ old, fresh, served }) {
  const wanted = new Map([...rowsOf(fresh).children].map((row) => [row.id, row]));
  for (const row of [...rowsOf(old).children]) {
    const next = wanted.get(row.id);
    wanted.delete(row.id);
    if (next) renew(row, next.cloneNode(true), served);
    else row.classList.add("is-gone");
  }
  return wanted.size;
}

function inOrder({ old, fresh, served }) {
  const list = rowsOf(old);
  const present = new Map([...list.children].map((row) => [row.id, row]));
  const added = [];
  let place = list.firstElementChild;
  for (const wanted of [...rowsOf(fresh).children]) {
    const known = present.get(wanted.id);
    present.delete(wanted.id);
    if (known && known === place) place = place.nextElementSibling;
    const row = known ? renew(known, wanted, served) : wanted;
    if (!known) {
      served.set(row, row.outerHTML);
      row.classList.add("is-fresh");
      added.push(row);
    }
    if (row.nextElementSibling !== place || row.parentElement !== list) list.insertBefore(row, place);
  }
  for (const row of present.values()) row.remove();
  for (const row of added) window.htmx?.process(row);
  const [pager, next] = [old.querySelector(".pager"), fresh.querySelector(".pager")];
  if (pager && next) pager.replaceWith(next);
  else if (next) old.append(next);
  else pager?.remove();
}

document.addEventListener("fragments:keyed", ({ detail: request }) => {
  const { old, fresh, markup, served, from } = request;
  if (!old.hasAttribute("data-keyed") || !rowsOf(old) || !rowsOf(fresh)) return;
  request.taken = true;
  const filtered = from?.matches?.("[data-filters]");
  if (old.dataset.keyed === "still" && !filtered && isHeld(old)) {
    latest = { old, fresh: fresh.cloneNode(true), markup, served };
    document.dispatchEvent(new CustomEvent("rows:held", { detail: { fresh: inPlace({ old, fresh, served }) } }));
    return;
  }
  inOrder(request);
  served.set(old, markup);
  if (old.dataset.keyed !== "still") return;
  latest = null;
  document.dispatchEvent(new CustomEvent("rows:held", { detail: { fresh: 0 } }));
});

function release() {
  if (!latest?.old.isConnected) return;
  const request = latest;
  latest = null;
  inOrder(request);
  request.served.set(request.old, request.markup);
  document.dispatchEvent(new CustomEvent("rows:held", { detail: { fresh: 0 } }));
  document.dispatchEvent(new CustomEvent("fragments:patched"));
}

const releaseIfFree = () => latest && !isHeld(latest.old) && release();
document.addEventListener("rows:release", release);
document.addEventListener("pointerout", () => setTimeout(releaseIfFree, 50));
document.addEventListener("focusout", () => setTimeout(releaseIfFree, 50));
window.addEventListener("scroll", releaseIfFree, { passive: true });
