// Menus close when one presses Escape or elsewhere, and take the focus when they open. Dialogs open by name.

const open = () => [...document.querySelectorAll("details.menu[open]")];

document.addEventListener("click", ({ target }) => {
  for (const menu of open()) if (!menu.contains(target)) menu.open = false;
  const opener = target.closest?.("[data-open]");
  if (opener) {
    for (const menu of open()) menu.open = false;
    document.getElementById(opener.dataset.open)?.showModal();
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of open()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
  if (event.target.matches("input, textarea, select")) event.target.blur();
});

document.addEventListener(
  "toggle",
  ({ target }) => {
    if (!target.matches?.("details.menu[data-menu]") || !target.open) return;
    target.querySelector("input:not([type=hidden]), .pop button")?.focus();
  },
  true,
);
