// Asks once a minute when a page was last proven to get through, while somebody looks and the server can be heard.
//   out: "fragments:arrived" {html}

const EVERY = 60_000; // ms

async function ask() {
  if (document.hidden || document.getElementById("fresh")?.dataset.state !== "live") return;
  try {
    const response = await fetch("/console/proof", { headers: { "HX-Request": "true" } });
    if (response.ok) document.dispatchEvent(new CustomEvent("fragments:arrived", { detail: { html: await response.text() } }));
  } catch {
    // The top bar says already that the server is away.
  }
}

if (document.getElementById("proof")) setInterval(ask, EVERY * (0.9 + Math.random() / 5));
