// What somebody types into a form[data-draft] is kept in this tab until it was sent: it outlives a reload, a session that ended and a
// server that is away. It is kept for the person who typed it, by the form's address and the field's name.
//   in: "drafts:sent" {form}

const person = document.body.dataset.user ?? "";
const SENT = `draft-sent:${person}`; // forms that the browser itself sent, until the next page shows what came of it
const WRITES = "textarea, input:not([type]), input[type=text]";

const place = (form) => new URL(form.action, location.href).pathname;
const keyOf = (field) => `draft:${person}:${place(field.form)}:${field.name}`;
const fieldsOf = (form) => [...form.elements].filter((field) => field.name && field.matches(WRITES));

// A tab without room for it, or a browser that forbids it, keeps nothing; what is typed still stands in the form.
function keep(key, text) {
  try {
    if (text) sessionStorage.setItem(key, text);
    else sessionStorage.removeItem(key);
  } catch {
    // as said above
  }
}

function kept(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}

function restore() {
  for (const form of document.querySelectorAll("form[data-draft]")) {
    for (const field of fieldsOf(form)) if (!field.value && kept(keyOf(field))) field.value = kept(keyOf(field));
  }
}

const forget = (form) => fieldsOf(form).forEach((field) => keep(keyOf(field), ""));

document.addEventListener("input", ({ target }) => {
  if (target.form?.matches("form[data-draft]") && target.matches(WRITES)) keep(keyOf(target), target.value);
});
document.addEventListener("drafts:sent", ({ detail: { form } }) => form.matches("form[data-draft]") && forget(form));

// A form that leaves the page was taken when the server says so (the cookie), or when the next page is another one.
document.addEventListener("submit", ({ target }) => {
  if (target.matches("form[data-draft]:not([hx-post])")) keep(SENT, JSON.stringify(fieldsOf(target).map(keyOf)));
});
const here = new Set([...document.querySelectorAll("form[data-draft]")].flatMap((form) => fieldsOf(form).map(keyOf)));
const sent = JSON.parse(kept(SENT) ?? "[]");
const taken = /(?:^|; )console-taken=([^;]+)/.exec(document.cookie)?.[1];
const isTaken = (key) => taken !== undefined && key.startsWith(`draft:${person}:${decodeURIComponent(taken)}:`);
for (const key of sent) if (!here.has(key) || isTaken(key)) keep(key, "");
if (sent.length) document.cookie = "console-taken=; path=/console; max-age=0";
keep(SENT, "");

document.addEventListener("fragments:patched", restore);
restore();
