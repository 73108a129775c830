// The policy editor without leaving the page: its buttons ask for the form as it would be, and put it where it was.
// Without this file the same buttons reload the page.

const form = () => document.querySelector("form[data-editor]");

async function change(button) {
  const old = form();
  const body = new FormData(old, button);
  const response = await fetch(old.action, { method: "POST", body, headers: { "HX-Request": "true" } });
  if (!response.ok) return old.requestSubmit(button);
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("form[data-editor]");
  if (!fresh) return location.reload();
  old.replaceWith(fresh);
  const added = button.value === "add" ? fresh.querySelectorAll(".step") : [];
  if (added.length) added[added.length - 1].querySelector("select, input").focus();
  else fresh.querySelector(`[data-action="${CSS.escape(button.dataset.action)}"]:not([disabled])`)?.focus();
}

document.addEventListener("submit", (event) => {
  const { target, submitter } = event;
  if (!target.matches("form[data-editor]") || submitter?.name !== "do" || target.dataset.plain) return;
  event.preventDefault();
  change(submitter).catch(() => {
    target.dataset.plain = "yes"; // the network is away: let the browser say so
    target.requestSubmit(submitter);
  });
});
