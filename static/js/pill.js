// "3 new": how many rows wait while the list is held still. A press shows them.

const pill = document.querySelector("[data-pill]");

document.addEventListener("rows:held", ({ detail }) => {
  if (!pill) return;
  pill.hidden = detail.fresh === 0;
  pill.textContent = `${detail.fresh >= 50 ? "50+" : detail.fresh} new`;
});

pill?.addEventListener("click", () => {
  window.scrollTo({ top: 0 });
  document.dispatchEvent(new CustomEvent("rows:release"));
});
