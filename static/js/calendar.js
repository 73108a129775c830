// Overrides drawn on a calendar: drag along a final lane, or press a shift, and the form opens with those times filled in. Times
// stay on the reader's own clock, as the form's fields do. Without this file the form stands on the page.

const STEP = 60; // minutes to which a drawn end snaps
const CLICK = 4; // pixels that are no drag yet
const WEEK = 7 * 1440; // minutes

const dialog = document.getElementById("override-dialog");
const home = document.getElementById("override");
const form = home?.querySelector("[data-override-form]");
const place = home && document.createComment("the override's form");

let drag = null;
let dragged = false;

const minuteAt = (lane, x) => {
  const { left, width } = lane.getBoundingClientRect();
  return Math.round((Math.min(Math.max((x - left) / width, 0), 1) * WEEK) / STEP) * STEP;
};

// Wall-clock arithmetic: UTC stands for a clock that is never moved.
const stamp = (first, minute) => new Date(Date.parse(`${first}T00:00Z`) + minute * 60_000).toISOString().slice(0, 16);

function open(starts, ends) {
  if (!form) return;
  form.elements.starts_at.value = starts;
  form.elements.ends_at.value = ends;
  if (dialog && !dialog.open) {
    home.replaceWith(place);
    dialog.append(home);
    dialog.showModal();
  }
  form.elements.user.focus();
}

function erase() {
  drag?.mark.remove();
  drag = null;
}

dialog?.addEventListener("close", () => place.replaceWith(home));
dialog?.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});

document.addEventListener("pointerdown", (event) => {
  const lane = event.target.closest?.("svg[data-draw]");
  dragged = false;
  if (!lane || !form || event.button) return;
  const mark = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  mark.setAttribute("class", "drawn");
  mark.setAttribute("y", "1");
  mark.setAttribute("height", lane.clientHeight - 2 || 30);
  drag = { lane, mark, from: minuteAt(lane, event.clientX), x: event.clientX, to: 0 };
});

document.addEventListener("pointermove", (event) => {
  if (!drag) return;
  if (!dragged && Math.abs(event.clientX - drag.x) < CLICK) return;
  if (!dragged) drag.lane.append(drag.mark);
  dragged = true;
  drag.to = minuteAt(drag.lane, event.clientX);
  const [low, high] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
  drag.mark.setAttribute("x", `${(low / WEEK) * 100}%`);
  drag.mark.setAttribute("width", `${((high - low) / WEEK) * 100}%`);
});

document.addEventListener("pointerup", () => {
  if (drag && dragged && drag.from !== drag.to) {
    const first = drag.lane.dataset.draw;
    open(stamp(first, Math.min(drag.from, drag.to)), stamp(first, Math.max(drag.from, drag.to)));
  }
  erase();
});

document.addEventListener("pointercancel", erase);
document.addEventListener("dragstart", (event) => {
  if (event.target.closest?.("svg[data-draw]")) event.preventDefault(); // a shift is a link; links would be dragged away
});

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("svg[data-draw] a");
  if (link && form && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    if (!dragged) open(link.dataset.starts, link.dataset.ends);
  }
  if (event.target.matches?.("input[data-select]")) event.target.select();
});
