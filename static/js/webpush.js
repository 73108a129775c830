// Web push on this browser: subscribes with the workspace's key, tells the server the address, and remembers which of the
// person's destinations this browser is.

const panel = document.querySelector("[data-webpush]");
const KEPT = "webpush-destination";
const said = panel?.querySelector("[data-push-state]");
const enable = panel?.querySelector("[data-push-enable]");
const disable = panel?.querySelector("[data-push-disable]");

const bytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/").padEnd(Math.ceil(text.length / 4) * 4, "=")), (c) => c.charCodeAt(0));

// What people recognise the browser by, such as "Chromium on Linux".
function name() {
  const brands = navigator.userAgentData?.brands ?? [];
  const brand = brands.find((each) => !/not.?a.?brand/i.test(each.brand))?.brand;
  const agent = /(Firefox|Edg|Chrome|Safari)/.exec(navigator.userAgent)?.[1] ?? "Browser";
  return `${brand ?? agent} on ${navigator.userAgentData?.platform || navigator.platform || "a device"}`;
}

function post(path, fields) {
  const body = new FormData();
  body.set("csrfmiddlewaretoken", panel.querySelector("[name=csrfmiddlewaretoken]").value);
  for (const [key, value] of Object.entries(fields)) body.set(key, value);
  return fetch(path, { method: "POST", body });
}

function show(text, on) {
  said.textContent = text;
  enable.hidden = on !== false;
  disable.hidden = on !== true;
}

async function subscribe() {
  show("The browser asks whether it may show messages …");
  if ((await Notification.requestPermission()) !== "granted") {
    return show("This browser was told not to show messages. Allow them in its settings for this site.", false);
  }
  const registration = await navigator.serviceWorker.register(panel.dataset.worker);
  await navigator.serviceWorker.ready;
  const old = await registration.pushManager.getSubscription();
  if (old) await old.unsubscribe(); // it may have been made with another key
  const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytes(panel.dataset.key) });
  const response = await post(panel.dataset.add, { address: JSON.stringify(subscription), label: name() });
  const answer = await response.json();
  if (!response.ok) return show(answer.error, false);
  localStorage.setItem(KEPT, answer.id);
  location.reload();
}

async function unsubscribe() {
  const registration = await navigator.serviceWorker.getRegistration();
  await (await registration?.pushManager.getSubscription())?.unsubscribe();
  await post(`/console/notifications/addresses/${localStorage.getItem(KEPT)}/remove`, {});
  localStorage.removeItem(KEPT);
  location.reload();
}

const attempt = (act) => () => act().catch((error) => show(`That did not work: ${error.message}`, act === unsubscribe));

async function begin() {
  if (!("PushManager" in window) || !("serviceWorker" in navigator)) {
    said.textContent = "This browser can't, or the console is not served over HTTPS.";
    return;
  }
  const registration = await navigator.serviceWorker.getRegistration();
  const subscription = await registration?.pushManager.getSubscription();
  const known = document.querySelector(`[data-destination="${CSS.escape(localStorage.getItem(KEPT) ?? "none")}"]`);
  if (subscription && known) show("Pages reach this browser.", true);
  else show("Pages don't reach this browser yet.", false);
  enable.addEventListener("click", attempt(subscribe));
  disable.addEventListener("click", attempt(unsubscribe));
}

if (said && enable) begin();
