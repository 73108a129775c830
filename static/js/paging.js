// Small things of the pages about paging: filters that apply themselves, a place for one more when the last one is taken, and a word
// before what can't be taken back.

document.addEventListener("change", ({ target }) => {
  const form = target.closest?.("form[data-auto-submit]");
  if (!form) return;
  for (const field of form.elements) if (field.name && field.value === "") field.disabled = true; // nothing blank in the URL
  form.requestSubmit();
});

document.addEventListener("change", ({ target }) => {
  const list = target.closest?.("[data-places]");
  const last = list?.lastElementChild;
  if (!last || target !== last.querySelector("select") || !target.value) return;
  const more = last.cloneNode(true);
  more.querySelector("select").value = "";
  for (const field of more.querySelectorAll("input")) field.value = "";
  list.append(more);
});

// A button that takes something away for good asks to be pressed again; without "sure" the server asks.
const AGAIN = 4000; // ms
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button[data-again]");
  if (!button || button.dataset.armed) return;
  event.preventDefault();
  [button.dataset.armed, button.name, button.value] = ["yes", "sure", "yes"];
  setTimeout(() => {
    delete button.dataset.armed;
    button.removeAttribute("name");
  }, AGAIN);
  document.dispatchEvent(new CustomEvent("messages:say", { detail: { text: button.dataset.again, kind: "warning" } }));
});

// What is there to be copied is selected at once.
document.addEventListener("click", ({ target }) => target.matches?.("input[data-select]") && target.select());
