// Times: relative and ticking, the absolute with its zone when the pointer rests on one. The server sent absolute ones.
// Only a deadline that is near tells its seconds: a list whose fifty rows change each second is restless, and costs its page more
// than all alerts of a busy day.

const SOON = 15 * 60; // seconds before a deadline from which it is shown as near, second by second
const STEP = 10; // seconds between two looks at all other times

const zone = document.body.dataset.zone || undefined;
const full = new Intl.DateTimeFormat("en-GB", { timeZone: zone, dateStyle: "full", timeStyle: "long" });
const utc = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", timeStyle: "medium" });
const day = new Intl.DateTimeFormat("en-CA", { timeZone: zone });
const minute = { hour: "2-digit", minute: "2-digit" };
const hour = new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...minute });
const dated = new Intl.DateTimeFormat("en-GB", { timeZone: zone, day: "numeric", month: "short", ...minute });
const clock = document.querySelector("[data-clock]");

function span(seconds) {
  if (seconds < 60) return `${Math.floor(seconds / STEP) * STEP} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

const past = (seconds) => (seconds < STEP ? "just now" : `${span(seconds)} ago`);

function countdown(seconds) {
  const two = (number) => String(Math.floor(number)).padStart(2, "0");
  if (seconds < SOON) return `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${two((seconds % 3600) / 60)}`;
}

function text(element, now) {
  const at = new Date(element.dateTime);
  const seconds = (now - at) / 1000;
  switch (element.dataset.time) {
    case "ago":
      return seconds < STEP ? "now" : span(seconds);
    case "past":
      return past(seconds);
    case "until":
      element.toggleAttribute("data-past", seconds >= 0);
      element.toggleAttribute("data-soon", seconds < 0 && seconds > -SOON);
      return seconds >= 0 ? past(seconds) : `in ${countdown(-seconds)}`;
    case "clock":
      return day.format(at) === day.format(now) ? hour.format(at) : dated.format(at);
    default:
      return element.textContent;
  }
}

function tick(times) {
  const now = new Date();
  for (const element of times) {
    const shown = text(element, now);
    if (element.textContent !== shown) element.textContent = shown;
  }
  const shown = `${hour.format(now)} ${zone ?? ""}`;
  if (clock && clock.textContent !== shown) clock.textContent = shown;
}

const tickAll = () => tick(document.querySelectorAll("time[data-time]"));

document.addEventListener("mouseover", ({ target }) => {
  const element = target.closest?.("time[data-time]");
  if (!element || element.title) return;
  const at = new Date(element.dateTime);
  element.title = zone === "UTC" ? full.format(at) : `${full.format(at)} (${zone}) · ${utc.format(at)} UTC`;
});
document.addEventListener("fragments:patched", tickAll);
tickAll();
setInterval(tickAll, STEP * 1000);
setInterval(() => tick(document.querySelectorAll("time[data-soon]")), 1000);
