"""Alert in → visible in a connected browser (row, counter or pill), with 1 and 20 open pages; and what watching costs ingest.

The pages run on the same processors as the server, unlike those of real watchers, so the processor time that each side took is
printed beside the ratio.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from bench.servers import KEY, Web, need, postgres, verdict, web, wrk

RATE = 100  # alerts a second
SETTLE = 3_000  # ms for pages that were just opened
WARM = 3  # seconds of load before what pages cost is measured: the first rows of a storm come at once
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows", "--disable-background-timer-throttling",
]  # fmt: skip

# Runs in the page: when an alert first shows, as a row that was put in or in the count of what is live. It looks only at what was
# added, once per batch of changes: looking at all rows each time would cost the pages more than showing them does.
WATCH = """() => {
  window.seenAt = new Map();
  let counted = 0;
  const see = (number, now) => { if (!window.seenAt.has(number)) window.seenAt.set(number, now); };
  const look = (records) => {
    const now = Date.now();
    for (const { addedNodes } of records) {
      for (const node of addedNodes) {
        const number = node.nodeType === 1 && node.querySelector(".row-title")?.textContent.match(/^bench-(\\d+)$/)?.[1];
        if (number) see(+number, now);
      }
    }
    const live = +document.querySelector('[data-count="live"]').dataset.value;
    while (counted < live) see(++counted, now);
  };
  new MutationObserver(look).observe(document.querySelector("main"), {subtree: true, childList: true, characterData: true});
  look([]);
}"""


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=need("chromium"), args=FLAGS)
        yield chromium
        chromium.close()


def open_pages(chromium: Browser, ours: Web, count: int) -> list[Page]:
    """Signed-in incident lists, each a context of its own that shares the session of the first."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{ours.url}/console/login")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", KEY)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/console")
    state = context.storage_state()
    context.close()
    pages = [chromium.new_context(storage_state=state).new_page() for _ in range(count)]
    for opened in pages:
        opened.goto(f"{ours.url}/console/incidents")
        opened.wait_for_selector('[data-state="live"]')
    return pages


def fire(ours: Web, first: int, count: int) -> dict[int, float]:
    """Post numbered alerts at the rate; returns when each was sent, in ms since the epoch."""
    connection = http.client.HTTPConnection(urlsplit(ours.url).netloc)
    sent, began = {}, time.perf_counter()
    for n in range(count):
        pause = began + n / RATE - time.perf_counter()
        if pause > 0:
            time.sleep(pause)
        number = first + n
        sent[number] = time.time() * 1000
        body = json.dumps({"title": f"bench-{number}", "dedup_key": f"live-{number}", "severity": "high"})
        connection.request("POST", "/webhook", body, {"X-API-Key": KEY, "Content-Type": "application/json"})
        connection.getresponse().read()
    return sent


def latencies(pages: list[Page], sent: dict[int, float]) -> list[float]:
    """Per page and alert: from the post to its first sign in the DOM, in ms. What is never seen counts as a minute."""
    found = []
    for page in pages:
        seen = {int(number): at for number, at in page.evaluate("() => [...window.seenAt]")}
        found += [seen.get(number, at + 60_000) - at for number, at in sent.items()]
    return sorted(found)


def run(rounds: int, seconds: float) -> None:
    """First latency with 1 and with 20 pages, then ingest alone and while 20 pages watch, in turn."""
    for count in (1, 20):
        with ExitStack() as stack:
            ours = stack.enter_context(web(stack.enter_context(postgres())))
            pages = open_pages(stack.enter_context(browser()), ours, count)
            for page in pages:
                page.evaluate(WATCH)
            pages[0].wait_for_timeout(SETTLE)
            sent = fire(ours, 1, int(RATE * seconds * 2))
            pages[0].wait_for_timeout(2000)
            found = latencies(pages, sent)
            verdict(f"alert → visible, {count} open, p50", [found[len(found) // 2]], 100, at_least=False, unit=" ms")
            verdict(
                f"alert → visible, {count} open, p99", [found[int(len(found) * 0.99)]], 500, at_least=False, unit=" ms"
            )
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        ours = stack.enter_context(web(server))
        target = f"{ours.url}/webhook"
        wrk(target, 64, 2)
        ratios = []
        alone = wrk(target, 64, seconds).rate
        for _ in range(rounds):
            before = alone
            with browser() as chromium:
                pages = open_pages(chromium, ours, 20)
                pages[0].wait_for_timeout(SETTLE)
                _while_watched(pages, target, WARM)
                server.sql(ours.database, "ANALYZE incidents_incident")  # autovacuum would, within a minute
                with used(ours):
                    watched = _while_watched(pages, target, seconds)
            alone = wrk(target, 64, seconds).rate
            ratios.append(watched / ((before + alone) / 2))  # the table grows, and the machine's neighbours come and go
        verdict("ingest while 20 watch ÷ alone", ratios, 0.8)


@contextmanager
def used(ours: Web) -> Iterator[None]:
    """Print how many processors the browser and our web process kept busy."""

    def taken() -> tuple[float, float, float]:
        browser = [child for child in psutil.Process().children(recursive=True) if _is_browser(child)]
        return time.perf_counter(), sum(map(_seconds, browser)), _seconds(psutil.Process(ours.pid))

    began, pages, server = taken()
    yield
    ended, pages_then, server_then = taken()
    busy = [(then - now) / (ended - began) for now, then in ((pages, pages_then), (server, server_then))]
    print(f"     meanwhile the browser kept {busy[0]:.2f} processors busy, the web process {busy[1]:.2f}", flush=True)


def _is_browser(process: psutil.Process) -> bool:
    try:
        return "chrom" in process.name()
    except psutil.NoSuchProcess:  # psql, say, that has just ended
        return False


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _while_watched(pages: list[Page], target: str, seconds: float) -> float:
    rate: list[float] = []
    load = threading.Thread(target=lambda: rate.append(wrk(target, 64, seconds).rate))
    load.start()
    while load.is_alive():
        pages[0].wait_for_timeout(200)  # keeps the browser's events moving
    return rate[0]
