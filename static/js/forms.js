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

// The server took the form: what was typed into it is no draft any more.
function sent(form) {
  document.dispatchEvent(new CustomEvent("drafts:sent", { detail: { form } }));
  if (form.matches("[data-reset]")) for (const field of form.querySelectorAll("textarea")) field.defaultValue = ""; // it may have come back from signing in
  form.reset();
}

document.addEventListener("htmx:afterRequest", ({ target, detail: { xhr, successful } }) => {
  const html = xhr.responseText;
  const taken = successful && !html.includes("data-refused");
  if (taken && target.closest("details.menu")) target.closest("details.menu").open = false;
  if (taken && html && target.matches("form[method=post]")) sent(target);
  if (html.includes("data-fragment")) {
    document.dispatchEvent(new CustomEvent("fragments:arrived", { detail: { html, from: target } }));
  } else if (!successful) {
    say(xhr.status ? `That did not work (${xhr.status}). Reload the page and try again.` : "The server can't be reached.");
  }
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
