// Bars that fill while a deadline comes nearer: [data-countdown] with data-from and data-until. The words beside them are times.js's.

const bars = () => document.querySelectorAll("svg[data-countdown]");

function fill(bar) {
  const [from, until] = [Date.parse(bar.dataset.from), Date.parse(bar.dataset.until)];
  const passed = until > from ? (Date.now() - from) / (until - from) : 1;
  const width = (100 * Math.min(1, Math.max(0, passed))).toFixed(1);
  const rect = bar.firstElementChild;
  if (rect && rect.getAttribute("width") !== width) rect.setAttribute("width", width);
}

const fillAll = () => bars().forEach(fill);
document.addEventListener("fragments:patched", fillAll);
fillAll();
setInterval(fillAll, 1000);
