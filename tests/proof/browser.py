"""Debian's Chromium, driven by Playwright: windows that people sit before, and what went over their wires."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, FloatRect, Locator, Page, Request, expect, sync_playwright

from tests.patience import PATIENCE
from tests.peers import need
from tests.proof.harness import ADMIN_PASSWORD

# The last ones keep the browser's own services from calling home; what a page asks for is recorded by the windows.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SOON = 20_000  # ms until a page must have shown what it hears of; `bench live` measures how long that takes
expect.set_options(timeout=1000 * PATIENCE)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a screen. Nothing asynchronous may run in this thread meanwhile (Playwright's own loop does)."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=need("chromium"), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Window:
    """Somebody's window on the console at *url*, and what it complained of."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def open(
        cls, browser: Browser, url: str, *, width: int = 1280, javascript: bool = True, like: Window | None = None
    ) -> Window:
        """A window of a person who has not been here before, or who is signed in already in the window *like*."""
        context = browser.new_context(
            base_url=url,
            viewport={"width": width, "height": 800},
            java_script_enabled=javascript,
            storage_state=like.page.context.storage_state() if like else None,
        )
        context.set_default_timeout(1000 * PATIENCE)
        window = cls(context.new_page(), url)
        context.on("request", window._on_request)
        context.on("requestfailed", window._on_failure)
        context.on("weberror", lambda error: window.complaints.append(f"uncaught: {error.error}"))
        context.on("console", window._on_console)
        window.page.on("websocket", lambda socket: window._on_address(socket.url))
        return window

    def sign_in(self, name: str = "admin", password: str = ADMIN_PASSWORD) -> None:
        """Go to the console, and through its sign-in page."""
        self.page.goto("/console/incidents")
        self.page.get_by_label("Username").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/console/incidents")

    def follow(self, link: Locator) -> None:
        """Press *link*, and wait for what is behind it with its scripts: until they are there a page works in other words."""
        with self.page.expect_navigation():
            link.click()

    def place_of(self, shown: Locator) -> FloatRect:
        """Where *shown* is. One that is replaced by its newer self this very moment is asked again."""
        expect(shown).to_be_visible()
        while (box := shown.bounding_box()) is None:
            expect(shown).to_be_visible()
        return box

    def wait_until_live(self) -> None:
        """Until the page hears of changes."""
        self.page.locator("#fresh[data-state=live]").wait_for()

    @property
    def sideways(self) -> int:
        """By how many pixels the page is wider than the window."""
        return int(self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))

    def close(self) -> None:
        self.page.context.close()

    def _on_address(self, address: str) -> None:
        asked = urlsplit(address)
        if asked.scheme not in ("data", "blob", "about") and asked.netloc != urlsplit(self.url).netloc:
            self.complaints.append(f"asked a foreign host: {address}")

    def _on_request(self, request: Request) -> None:
        self._on_address(request.url)

    def _on_failure(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # what a page asks for when it is left
            self.complaints.append(f"failed: {request.url} {request.failure}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console {message.type}: {message.text}")
