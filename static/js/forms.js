// Forms that htmx sends: nothing blank in the URL, the answer's fragments put in place, what was sent cleared, and a word when
// there was no proper answer.

const say = (text) => document.dispatchEvent(new CustomEvent("messages:say", { detail: { text, kind: "error" } }));

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
  if (target.closest("details.menu") && successful && !xhr.responseText.includes("data-refused")) target.closest("details.menu").open = false;
  if (!successful && !xhr.responseText.includes("data-fragment")) {
    say(xhr.status ? `That did not work (${xhr.status}). Reload the page and try again.` : "The server can't be reached.");
  } else if (xhr.responseText.includes("data-fragment")) {
    document.dispatchEvent(new CustomEvent("fragments:arrived", { detail: { html: xhr.responseText, from: target } }));
  }
  if (!successful || !xhr.responseText || xhr.responseText.includes("data-refused")) return; // what was typed is still needed
  if (target.matches("form")) document.dispatchEvent(new CustomEvent("drafts:sent", { detail: { form: target } }));
  if (!target.matches("[data-reset]")) return;
  for (const field of target.querySelectorAll("textarea")) field.defaultValue = ""; // it may have come back from signing in
  target.reset();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("details.menu input")) {
    event.preventDefault(); // the form may have other buttons; what counts here is the menu's own
    event.target.closest("form.pop, .pop").querySelector("button[type=submit]")?.click();
  }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("[data-send-on-ctrl-enter]")) {
    event.target.form.requestSubmit();
  }
});
