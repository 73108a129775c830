// The worker of the installed console: shows what is pushed to this browser, and opens the incident when one taps on it. It keeps
// nothing and answers no requests, so the console is always what the server says.
//   a push: {title, body, url, tag, delivery, event, urgency, answers: [{verb, label, url}]}
// A page that comes again rings again. The same one brought twice, and news that somebody has it or that it is over, only replace
// what is shown.

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

// Only our own pages are ever opened, whatever a message says.
const own = (url) => {
  const target = new URL(url || "/console", self.location.origin);
  return target.origin === self.location.origin ? target.href : `${self.location.origin}/console`;
};

const read = (data) => {
  try {
    return data?.json() ?? {};
  } catch {
    return { title: data.text() };
  }
};

const show = async (message) => {
  const answers = message.answers ?? [];
  const shown = message.tag ? await self.registration.getNotifications({ tag: message.tag }) : [];
  const twice = shown.some(({ data }) => data?.delivery && data.delivery === message.delivery);
  const rings = (message.event ?? "trigger") === "trigger" && !twice;
  await self.registration.showNotification(message.title || "aiops", {
    body: message.body || "",
    tag: message.tag || undefined,
    renotify: Boolean(message.tag) && rings,
    silent: !rings,
    requireInteraction: message.urgency === "high" && message.event === "trigger",
    icon: "/static/img/icon-192.png",
    badge: "/static/img/icon-192.png",
    actions: answers.slice(0, 2).map(({ verb, label }) => ({ action: verb, title: label })),
    data: { url: message.url, delivery: message.delivery, answers },
  });
};

self.addEventListener("push", (event) => {
  const message = read(event.data);
  event.waitUntil(show(message));
});

// An answer's link shows a page that asks first; a tap on the message itself shows the incident.
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { url, answers } = event.notification.data;
  const target = own(answers.find(({ verb }) => verb === event.action)?.url ?? url);
  event.waitUntil(
    (async () => {
      const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
      const open = pages.find((page) => page.url === target);
      if (open) return open.focus();
      return self.clients.openWindow(target);
    })(),
  );
});
