// A list that is kept "still" never jumps under the pointer: while the pointer or the focus is in it, or it is scrolled, rows change in
// place and new ones wait behind a pill. Of rows that newer ones pushed off the page the server is asked how they are ([data-still]):
// those that left the view fade.
//   in: "list:arrived" {old, fresh, from, morph, taken}

const PATIENCE = 10_000; // ms
const pill = document.querySelector("[data-pill]");
let held = null; // the newest list that was not put in place
let asked = null; // the list about whose rows the server is asked

const rowsOf = (list) => list.querySelector("[data-rows]");
const isHeld = (list) => rowsOf(list)?.matches(":hover, :focus-within") || window.scrollY > 120;

function showPill(count) {
  if (!pill) return;
  pill.hidden = count === 0;
  pill.textContent = `${count >= 50 ? "50+" : count} new`;
}

// Shows what it can without moving anything; gives the rows that are not among the fresh ones.
function putInPlace({ old, fresh, morph }) {
  const rows = [...rowsOf(old).children];
  const wanted = new Map([...rowsOf(fresh).children].map((row) => [row.id, row]));
  const known = rows.filter((row) => wanted.has(row.id));
  morph(known.map((row) => [row, wanted.get(row.id).cloneNode(true)]));
  showPill(wanted.size - known.length);
  return rows.filter((row) => !wanted.has(row.id));
}

async function askAbout(list, rows) {
  if (!list.old.dataset.still || !rows.length || asked) return;
  asked = list;
  const query = new URLSearchParams(location.search);
  for (const word of ["after", "before", "theme"]) query.delete(word);
  for (const row of rows) query.append("id", row.dataset.incident);
  try {
    const response = await fetch(`${list.old.dataset.still}?${query}`, { signal: AbortSignal.timeout(PATIENCE) });
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const there = rows.filter((row) => row.isConnected && page.getElementById(row.id));
    list.morph(there.map((row) => [row, page.getElementById(row.id)]));
    for (const row of rows) if (!there.includes(row)) row.classList.add("is-gone"); // it is none of this person's any more
    document.dispatchEvent(new CustomEvent("fragments:patched"));
  } catch {
    // The top bar says that the server is away.
  } finally {
    asked = null;
    if (held && held !== list) askAbout(held, putInPlace(held));
  }
}

document.addEventListener("list:arrived", ({ detail }) => {
  const filtered = detail.from?.matches("[data-filters]");
  detail.taken = Boolean(!filtered && isHeld(detail.old) && rowsOf(detail.old) && rowsOf(detail.fresh));
  held = detail.taken ? detail : null;
  if (held) askAbout(held, putInPlace(held));
  else showPill(0);
});

function release() {
  if (held?.old.isConnected) held.morph([[held.old, held.fresh]]);
  held = null;
  showPill(0);
  document.dispatchEvent(new CustomEvent("fragments:patched"));
}

const releaseIfFree = () => held && !isHeld(held.old) && release();
document.addEventListener("pointerout", () => setTimeout(releaseIfFree, 50));
document.addEventListener("focusout", () => setTimeout(releaseIfFree, 50));
window.addEventListener("scroll", releaseIfFree, { passive: true });
pill?.addEventListener("click", () => {
  window.scrollTo({ top: 0 });
  release();
});
