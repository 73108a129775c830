// Lists change row by row: what stayed the same is not touched. A list that is kept "still" never jumps under the pointer:
// while the pointer or the focus is in it, or it is scrolled, rows change in place, those that left the view fade, and new ones
// wait behind a pill. A row that newer ones pushed off the page has not left the view: the server is asked ([data-still]).
//   in:  "fragments:keyed" {old, fresh, markup, served, from, taken, share}, "rows:release"   out: "rows:held" {fresh: n}
//   Whoever takes a fragment says so (taken), and which part of its rows changed (share, 0 to 1).

const GLOWS = 3; // rows that may glow at a time
const PATIENCE = 10_000; // ms
let latest = null; // the newest request for a held list
let looking = null; // the request whose rows the server is asked for

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
  const changed = [];
  const wanted = new Map([...rowsOf(fresh).children].map((row) => [row.id, row]));
  for (const row of [...rowsOf(old).children]) {
    const next = wanted.get(row.id);
    wanted.delete(row.id);
    if (next) renew(row, next.cloneNode(true), served, changed);
  }
  glow(changed);
  look();
  return { fresh: wanted.size, share: partOf(rowsOf(old), changed) };
}

const pushedOff = ({ old, fresh }) => {
  const known = new Set([...rowsOf(fresh).children].map((row) => row.id));
  return [...rowsOf(old).children].filter((row) => !known.has(row.id));
};

// How rows are that do not stand on the page any more, and whether they are still in the view. Without an answer nothing is said of
// them. One question at a time.
async function look() {
  const rows = latest ? pushedOff(latest) : [];
  if (!rows.length || !latest.old.dataset.still || looking) return;
  looking = latest;
  try {
    const query = new URLSearchParams(location.search);
    for (const word of ["after", "before", "theme"]) query.delete(word);
    for (const row of rows) query.append("id", row.dataset.incident);
    const response = await fetch(`${looking.old.dataset.still}?${query}`, { signal: AbortSignal.timeout(PATIENCE) });
    if (!response.ok || latest?.old !== looking.old) return; // meanwhile the list is as the server says
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const row of rows.filter((each) => each.isConnected)) {
      const now = page.getElementById(row.id);
      if (now) renew(row, document.adoptNode(now), looking.served, []);
      else row.classList.add("is-gone"); // it is none of this person's any more
    }
    document.dispatchEvent(new CustomEvent("fragments:patched"));
  } catch {
    // The top bar says that the server is away.
  } finally {
    const missed = latest !== looking;
    looking = null;
    if (missed) look();
  }
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
