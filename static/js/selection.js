// What is selected, and the bar that acts on it. Shift and a click select a range.

const bar = document.querySelector("[data-bulk]");
let last = null;

const boxes = () => [...document.querySelectorAll("[data-row] .row-check")];

function count() {
  if (!bar) return;
  const chosen = boxes().filter((box) => box.checked).length;
  bar.dataset.selected = chosen;
  bar.querySelector("[data-selected-count]").textContent = chosen;
}

document.addEventListener("click", (event) => {
  const box = event.target.closest?.(".row-check");
  if (!box) return;
  const all = boxes();
  if (event.shiftKey && last && all.includes(last)) {
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    for (const between of all.slice(from, to + 1)) between.checked = box.checked;
  }
  last = box;
  count();
});

document.addEventListener("change", count);
document.addEventListener("fragments:patched", count);
bar?.addEventListener("reset", () => setTimeout(count));
bar?.addEventListener("htmx:afterRequest", ({ detail }) => detail.successful && bar.reset());
count();
