"""Chromium before a platform that was just started: what an operator sees, does, and sees others do."""

from __future__ import annotations

import itertools
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.peers import free_port, need
from tests.proof.browser import SOON, Window, chromium
from tests.proof.harness import SIGN_IN, embedded
from tests.runtime.installation import ROOT, Installation

pytestmark = pytest.mark.proof

NARROW = 400  # pixels
OPENING = ("alert_received", "incident_created")
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def laptop(folder: Path) -> Iterator[Installation]:
    """``make run`` on a laptop: dev mode, so the APIs take requests without a key."""
    with embedded("laptop", folder / "laptop", AIOPS_PORT=str(free_port()), **SIGN_IN) as installation:
        yield installation


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def desks(laptop: Installation, browser: Browser) -> Iterator[tuple[Window, Window]]:
    """Two windows, each signed in by itself."""
    both = Window.open(browser, laptop.url), Window.open(browser, laptop.url)
    for window in both:
        window.sign_in()
    yield both
    for window in both:
        window.close()


@pytest.fixture
def ann(desks: tuple[Window, Window]) -> Iterator[Window]:
    """The first window. Nothing may have gone wrong in it during the test."""
    yield desks[0]
    assert desks[0].complaints == []


@pytest.fixture
def bob(desks: tuple[Window, Window]) -> Iterator[Window]:
    """The second window. Nothing may have gone wrong in it during the test."""
    yield desks[1]
    assert desks[1].complaints == []


def fire(laptop: Installation, title: str = "", **fields: object) -> str:
    """Raise an incident as a script would; returns its id."""
    body = {"title": title or f"Queue {next(_numbers)} is stuck", "severity": "critical", **fields}
    return str(laptop.post("/webhook", json=body).raise_for_status().json()["incident_id"])


def row(window: Window, incident: str) -> Locator:
    """Its row in the list."""
    return window.page.locator(f"#row-{incident}")


def show_list(*windows: Window) -> None:
    for window in windows:
        window.page.mouse.move(1, 1)  # a list under the pointer would hold still
        window.page.goto("/console/incidents")
        window.wait_until_live()


def show(incident: str, *windows: Window) -> None:
    for window in windows:
        window.page.goto(f"/console/incidents/{incident}")
        window.wait_until_live()


def status_of(place: Page | Locator) -> Locator:
    return place.locator("[data-status]").first


def soon(place: Page | Locator, status: str) -> None:
    """The status is there, without a reload."""
    expect(status_of(place)).to_have_attribute("data-status", status, timeout=SOON)


def of_the_start(laptop: Installation) -> str:
    """The command that the start prints to try it."""
    return laptop.said(r"try it:\n\s+(curl .*)")


def of_the_readme(laptop: Installation) -> str:
    """The README's, with what the start printed put in."""
    command = re.search(r"```sh\n(curl .*?)```", (ROOT / "README.md").read_text(), re.S)
    assert command is not None
    key = laptop.said(r"routing key: (\w+)")
    return command[1].replace("http://127.0.0.1:8888", laptop.url).replace("YOUR_ROUTING_KEY", key)


@pytest.mark.parametrize("command", [of_the_start, of_the_readme])
def test_a_first_curl_shows_by_itself(
    laptop: Installation, ann: Window, command: Callable[[Installation], str]
) -> None:
    show_list(ann)
    line = command(laptop).replace("curl ", f"{need('curl')} --fail --silent ", 1)
    title = ann.page.get_by_role("link", name="CPU usage above 90%")
    expect(title).to_be_hidden()
    subprocess.run(["/bin/sh", "-c", line], check=True, stdout=subprocess.DEVNULL)
    expect(title).to_be_visible(timeout=SOON)
    title.click()
    expect(ann.page.get_by_role("heading", level=1)).to_have_text("CPU usage above 90%")
    soon(ann.page, "open")
    ann.wait_until_live()
    over = line.replace('"trigger"', '"resolve"')
    subprocess.run(["/bin/sh", "-c", over], check=True, stdout=subprocess.DEVNULL)
    soon(ann.page, "resolved")


def test_an_operator_works_an_incident_through_to_its_end(laptop: Installation, ann: Window) -> None:
    show_list(ann)
    incident = fire(laptop, "Checkout fails")
    expect(row(ann, incident)).to_be_visible(timeout=SOON)
    row(ann, incident).get_by_role("link").click()
    soon(ann.page, "open")
    ann.page.get_by_role("button", name="Acknowledge").click()
    soon(ann.page, "acknowledged")
    ann.page.get_by_label("Note", exact=True).fill("The payment provider is down")
    ann.page.get_by_role("button", name="Add").click()
    expect(ann.page.locator("#timeline")).to_contain_text("The payment provider is down", timeout=SOON)
    ann.page.locator("[data-action=resolve]").click()
    soon(ann.page, "resolved")

    events = laptop.get(f"/incidents/{incident}/timeline").json()["events"]
    told = [
        event for event in events if event["actor"] == "admin" or event["event_type"] in OPENING
    ]  # paging adds its own
    assert [(event["event_type"], event["payload"].get("to")) for event in told] == [
        ("alert_received", None), ("incident_created", None), ("status_changed", "acknowledged"), ("note_added", None),
        ("status_changed", "resolved"),
    ]  # fmt: skip
    assert [event["actor"] for event in told[2:]] == ["admin"] * 3


def test_an_acknowledge_in_one_window_shows_in_the_other(laptop: Installation, ann: Window, bob: Window) -> None:
    incident = fire(laptop)
    show(incident, ann)
    show_list(bob)
    soon(row(bob, incident), "open")
    ann.page.get_by_role("button", name="Acknowledge").click()
    soon(row(bob, incident), "acknowledged")
    soon(ann.page, "acknowledged")


def test_an_acknowledge_over_v1_shows_in_both_windows(laptop: Installation, ann: Window, bob: Window) -> None:
    incident = fire(laptop)
    show(incident, ann)
    show_list(bob)
    laptop.post(f"/api/v1/incidents/{incident}/acknowledge", json={"acknowledgedBy": "carol"}).raise_for_status()
    soon(ann.page, "acknowledged")
    soon(row(bob, incident), "acknowledged")
    expect(ann.page.locator("#timeline")).to_contain_text("carol", timeout=SOON)
    expect(row(bob, incident)).to_contain_text("carol", timeout=SOON)


def test_a_repeat_counts_and_a_recovery_takes_the_row_away(laptop: Installation, ann: Window) -> None:
    show_list(ann)
    incident = fire(laptop, dedup_key="db-1/lag")
    times = row(ann, incident).locator(".times")
    expect(times).to_contain_text("×1", timeout=SOON)
    assert fire(laptop, dedup_key="db-1/lag") == incident
    expect(times).to_contain_text("×2", timeout=SOON)
    fire(laptop, dedup_key="db-1/lag", status="resolved")
    expect(row(ann, incident)).to_be_hidden(timeout=SOON)


def test_a_list_under_the_pointer_holds_still(laptop: Installation, ann: Window) -> None:
    earlier = fire(laptop)
    show_list(ann)
    row(ann, earlier).hover()
    place = ann.place_of(row(ann, earlier))
    later = fire(laptop)
    pill = ann.page.get_by_role("button", name="1 new")
    expect(pill).to_be_visible(timeout=SOON)
    expect(row(ann, later)).to_have_count(0)
    held = ann.place_of(row(ann, earlier))
    assert held["y"] == pytest.approx(place["y"], abs=2)  # pixels
    pill.click()
    expect(row(ann, later)).to_be_visible()


def test_the_keyboard_is_enough(laptop: Installation, ann: Window) -> None:
    older, newer = fire(laptop), fire(laptop)
    show_list(ann)
    keyboard = ann.page.keyboard
    keyboard.press("j")
    keyboard.press("j")
    expect(row(ann, older)).to_have_class("row is-current")
    keyboard.press("k")
    keyboard.press("a")
    soon(row(ann, newer), "acknowledged")
    soon(row(ann, older), "open")
    keyboard.press("/")
    expect(ann.page.get_by_role("searchbox")).to_be_focused()
    keyboard.press("a")  # a letter now
    expect(ann.page.get_by_role("searchbox")).to_have_value("a")
    soon(row(ann, older), "open")


def test_what_happens_before_a_page_listens_shows_too(laptop: Installation, ann: Window) -> None:
    incident = fire(laptop, dedup_key="db-2/lag")
    held: list[Route] = []
    ann.page.route(
        "**/live.js*", lambda route: held.append(route)
    )  # as on a slow line: the page is there, its socket is not yet
    ann.page.goto(f"/console/incidents/{incident}", wait_until="commit")
    expect(status_of(ann.page)).to_have_attribute("data-status", "open")
    fire(laptop, dedup_key="db-2/lag", status="resolved")
    for request in held:
        request.continue_()
    ann.page.unroute_all()
    ann.wait_until_live()
    soon(ann.page, "resolved")


def test_a_page_says_that_it_is_stale_and_catches_up(
    laptop: Installation, browser: Browser, desks: tuple[Window, Window]
) -> None:
    for window in desks:
        window.page.goto("about:blank")  # theirs would complain of a server that is away
    left = Window.open(browser, laptop.url, like=desks[0])
    show_list(left)
    laptop.signal(signal.SIGKILL)
    laptop.wait_until_ended()
    expect(left.page.locator("#fresh[data-state=stale]")).to_contain_text("Stale since")
    laptop.start()
    laptop.wait_until_ready()
    incident = fire(laptop)
    expect(row(left, incident)).to_be_visible()
    left.wait_until_live()
    left.close()


def test_the_pages_work_without_javascript(laptop: Installation, browser: Browser) -> None:
    incident = fire(laptop, "The mail queue grows")
    plain = Window.open(browser, laptop.url, javascript=False)
    plain.sign_in()
    plain.page.get_by_role("link", name="The mail queue grows").click()
    soon(plain.page, "open")
    for action, status in (("acknowledge", "acknowledged"), ("investigate", "investigating"), ("resolve", "resolved")):
        plain.page.locator(f"[data-action={action}]").first.click()
        expect(status_of(plain.page)).to_have_attribute("data-status", status)
    assert laptop.get(f"/incidents/{incident}").json()["incident"]["state"] == "resolved"
    plain.page.goto("/console/incidents?view=ended&q=mail")
    expect(row(plain, incident)).to_be_visible()
    assert plain.complaints == []
    plain.close()


def test_nothing_scrolls_sideways_at_400_pixels(laptop: Installation, browser: Browser, ann: Window) -> None:
    endless = "service-with-a-name-that-nobody-thought-about-" * 4
    incident = fire(
        laptop, f"OOMKilled {endless}", description=endless, service=endless, namespace=endless[:60],
        labels={"image": f"registry.example.org/{endless}@sha256:{'0123456789abcdef' * 4}"},
    )  # fmt: skip
    phone = Window.open(browser, laptop.url, width=NARROW, like=ann)
    phone.page.goto("/console/incidents")
    expect(row(phone, incident)).to_be_visible()
    assert phone.sideways <= 0
    show(incident, phone)
    assert phone.sideways <= 0
    phone.page.locator("details.alert summary").first.click()
    expect(phone.page.locator(".payload")).to_be_visible()
    assert phone.sideways <= 0
    phone.page.goto("/console")
    assert phone.sideways <= 0
    assert phone.complaints == []
    phone.close()
