// Small things of the pages about paging: filters that apply themselves, and a word before what can't be taken back.

document.addEventListener("change", ({ target }) => {
  const form = target.closest?.("form[data-auto-submit]");
  if (!form) return;
  for (const field of form.elements) if (field.name && field.value === "") field.disabled = true; // nothing blank in the URL
  form.requestSubmit();
});
