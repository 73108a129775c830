// The theme changes at once; the form keeps it in a cookie for the next page.

for (const form of document.querySelectorAll("[data-theme-form]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { value } = event.submitter;
    const body = new FormData(form, event.submitter);
    document.documentElement.dataset.theme = value;
    fetch(form.action, { method: "POST", body, redirect: "manual" });
  });
}
