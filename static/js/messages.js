// What became of what one did goes away by itself, or when it is clicked. Not while the pointer rests on it.
//   in: "messages:say" {text, kind}

const STAYS = { success: 6_000, warning: 15_000, error: 30_000 }; // ms

function plan(message) {
  if (message.dataset.planned) return;
  message.dataset.planned = "yes";
  const kind = Object.keys(STAYS).find((name) => message.classList.contains(name)) ?? "warning";
  const leave = () => (message.matches(":hover") ? setTimeout(leave, 2000) : message.remove());
  setTimeout(leave, STAYS[kind]);
  message.addEventListener("click", () => message.remove());
}

const planAll = () => document.querySelectorAll("#messages .message").forEach(plan);
document.addEventListener("fragments:patched", planAll);
document.addEventListener("messages:say", ({ detail: { text, kind } }) => {
  const line = Object.assign(document.createElement("p"), { className: `message ${kind}`, textContent: text });
  document.getElementById("messages")?.replaceChildren(line);
  planAll();
});
planAll();
