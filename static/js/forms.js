// Forms that htmx sends: nothing blank in the URL, the answer's fragments put in place, what was sent cleared.

document.addEventListener("htmx:configRequest", ({ target, detail }) => {
  if (!target.matches("[data-filters]")) return;
  for (const name of [...new Set(detail.formData.keys())]) {
    const given = detail.formData.getAll(name).filter((value) => value !== "");
    detail.formData.delete(name);
    for (const value of given) detail.formData.append(name, value);
  }
});

document.addEventListener("htmx:afterRequest", ({ target, detail }) => {
  const { xhr, successful } = detail;
  if (target.closest("details.menu") && successful) target.closest("details.menu").open = false;
  if (target.matches("[hx-swap=none]") && xhr.responseText) {
    document.dispatchEvent(new CustomEvent("fragments:arrived", { detail: { html: xhr.responseText, from: target } }));
  }
  if (successful && target.matches("[data-reset]")) target.reset();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("[data-send-on-ctrl-enter]")) {
    event.target.form.requestSubmit();
  }
});
