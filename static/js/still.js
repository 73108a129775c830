// Rows of a held list that newer ones pushed off its page have not left the view: the server is asked how they are ([data-still]).
// It shows each as it is now, faded when it is in the view no more. Without an answer nothing is said of them. One question at a time.
//   in: "rows:off" {old, rows, show}

const PATIENCE = 10_000; // ms
let asked = null; // what the server is asked now
let newest = null;

async function ask() {
  const { old, rows, show } = (asked = newest);
  try {
    const query = new URLSearchParams(location.search);
    for (const word of ["after", "before", "theme"]) query.delete(word);
    for (const row of rows) query.append("id", row.dataset.incident);
    const response = await fetch(`${old.dataset.still}?${query}`, { signal: AbortSignal.timeout(PATIENCE) });
    if (!response.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const row of rows.filter((each) => each.isConnected)) {
      const now = page.getElementById(row.id);
      if (now) show(row, document.adoptNode(now));
      else row.classList.add("is-gone"); // it is none of this person's any more
    }
    document.dispatchEvent(new CustomEvent("fragments:patched"));
  } catch {
    // The top bar says that the server is away.
  } finally {
    const more = newest !== asked;
    asked = null;
    if (more) ask();
  }
}

document.addEventListener("rows:off", ({ detail }) => {
  if (!detail.old.dataset.still) return;
  newest = detail;
  if (!asked) ask();
});
