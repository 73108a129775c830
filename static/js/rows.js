// Lists change row by row: what stayed the same is not touched. A list that is kept "still" never jumps under the pointer:
// while the pointer or the focus is in it, or it is scrolled, rows change in place, those that left the view fade, and new ones
// wait behind a pill. Of rows that the page does not show any more, still.js asks how they are.
//   in:  "fragments:keyed" {old, fresh, markup, served, from, taken, share}, "rows:release"
//   out: "rows:held" {fresh: n}, "rows:off" {old, rows, show}
//   Whoever takes a fragment says so (taken), and which part of its rows changed (share, 0 to 1).

const GLOWS = 3; // rows that may glow at a time
let latest = null; // the newest request for a held list

const rowsOf = (fragment) => (fragment.matches("[data-rows]") ? fragment : fragment.querySelector("[data-rows]"));
const isHeld = (fragment) => {
  const rows = rowsOf(fragment);
  return rows.matches(":hover") || rows.contains(document.activeElement) || window.scrollY > 120;
};

// A change glows for a moment; in a storm that would only make everybody's screen flicker.
function glow(rows) {
  if (rows.length > GLOWS) return;
  for (const row of rows) row.classList.add("is-fresh");
}

function renew(row, fresh, served, changed) {
  if (served.get(row) === fresh.outerHTML) {
    row.classList.toggle("is-gone", fresh.classList.contains("is-gone"));
    return row;
  }
  const focused = row.contains(document.activeElement) && document.activeElement.className;
  served.set(fresh, fresh.outerHTML);
  fresh.classList.toggle("is-current", row.classList.contains("is-current"));
  const box = fresh.querySelector("[type=checkbox]");
  if (box) box.checked = row.querySelector("[type=checkbox]")?.checked ?? false;
  row.replaceWith(fresh);
  changed.push(fresh);
  if (focused) fresh.getElementsByClassName(focused)[0]?.focus();
  return fresh;
}

const partOf = (list, changed) => changed.length / Math.max(1, list.childElementCount);

function inPlace({ old, fresh, served }) {
  const [changed, unknown] = [[], []];
  const wanted = new Map([...rowsOf(fresh).children].map((row) => [row.id, row]));
  for (const row of [...rowsOf(old).children]) {
    const next = wanted.get(row.id);
    wanted.delete(row.id);
    if (next) renew(row, next.cloneNode(true), served, changed);
    else unknown.push(row);
  }
  glow(changed);
  const show = (row, now) => renew(row, now, served, []);
  if (unknown.length) document.dispatchEvent(new CustomEvent("rows:off", { detail: { old, rows: unknown, show } }));
  return { fresh: wanted.size, share: partOf(rowsOf(old), changed) };
}

function inOrder({ old, fresh, served }) {
  const list = rowsOf(old);
  const present = new Map([...list.children].map((row) => [row.id, row]));
  const changed = [];
  let place = list.firstElementChild;
  for (const wanted of [...rowsOf(fresh).children]) {
    const known = present.get(wanted.id);
    present.delete(wanted.id);
    if (known && known === place) place = place.nextElementSibling;
    const row = known ? renew(known, wanted, served, changed) : wanted;
    if (!known) {
      served.set(row, row.outerHTML);
      changed.push(row);
    }
    if (row.nextElementSibling !== place || row.parentElement !== list) list.insertBefore(row, place);
  }
  for (const row of present.values()) row.remove();
  for (const row of changed) if (row.querySelector("[hx-get], [hx-post]")) window.htmx?.process(row); // a search of its own is dear
  glow(changed);
  const [pager, next] = [old.querySelector(".pager"), fresh.querySelector(".pager")];
  if (pager && next) pager.replaceWith(next);
  else if (next) old.append(next);
  else pager?.remove();
  return partOf(list, changed);
}

document.addEventListener("fragments:keyed", ({ detail: request }) => {
  const { old, fresh, markup, served, from } = request;
  if (!old.hasAttribute("data-keyed") || !rowsOf(old) || !rowsOf(fresh)) return;
  request.taken = true;
  const filtered = from?.matches?.("[data-filters]");
  if (old.dataset.keyed === "still" && !filtered && isHeld(old)) {
    latest = { old, fresh, markup, served };
    const detail = inPlace(latest);
    request.share = detail.share;
    document.dispatchEvent(new CustomEvent("rows:held", { detail }));
    return;
  }
  request.share = inOrder(request);
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
