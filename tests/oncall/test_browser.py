"""Chromium before a platform that was just started: an override drawn on the calendar changes who is on call."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.peers import free_port
from tests.proof.browser import Window, chromium
from tests.proof.harness import SIGN_IN, embedded
from tests.runtime.installation import Installation

pytestmark = pytest.mark.proof
NARROW = 400  # pixels


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder: Path = tmp_path_factory.mktemp("oncall")
    with embedded("oncall", folder, AIOPS_PORT=str(free_port()), **SIGN_IN) as installation:
        yield installation


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def desk(platform: Installation, chrome: Browser) -> Iterator[Window]:
    """The administrator, with a colleague and a schedule of their own, both made in the browser."""
    window = Window.open(chrome, platform.url)
    window.sign_in()
    page = window.page
    page.goto("/admin/access/user/add/")
    page.fill("#id_username", "bo")
    page.fill("#id_password1", "correct horse battery")
    page.fill("#id_password2", "correct horse battery")
    page.click("input[name=_save]")
    page.check("#id_is_superuser")
    page.fill("#id_first_name", "Bo")
    page.click("input[name=_save]")
    window.complaints.clear()  # Django's own pages have no icon
    page.goto("/console/oncall/new")
    page.fill("#name", "Primary")
    page.locator("[name=layer-0-member]").first.select_option(label="admin")
    page.locator("[data-action=save-schedule]").click()
    expect(page.locator("h1")).to_have_text("Primary")
    yield window
    window.close()


def holder(platform: Installation) -> str | None:
    return platform.get("/oncall/current").json()["oncall"]


def draw(page: Page) -> None:
    """Drag over the present on the lane of this week: three hours before to three hours after, within the week."""
    now = datetime.now(UTC)
    hours = now.weekday() * 24 + now.hour + now.minute / 60
    box = page.locator("svg[data-draw]").first.bounding_box()
    assert box is not None
    start, end = (box["x"] + box["width"] * min(max(at, 0.2), 167.9) / 168 for at in (hours - 3, hours + 3))
    middle = box["y"] + box["height"] / 2
    page.mouse.move(start, middle)
    page.mouse.down()
    page.mouse.move((start + end) / 2, middle, steps=3)
    expect(page.locator("svg .drawn")).to_be_visible()
    page.mouse.move(end, middle, steps=3)
    page.mouse.up()


def test_an_override_drawn_on_the_calendar_changes_who_is_on_call(desk: Window, platform: Installation) -> None:
    page = desk.page
    page.goto("/console/oncall")
    desk.follow(page.get_by_role("link", name="Primary"))
    assert holder(platform) == "admin"
    draw(page)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_label("Who has it")).to_be_focused()
    assert dialog.get_by_label("From").input_value() < dialog.get_by_label("Until").input_value()
    dialog.get_by_label("Who has it").select_option(label="Bo")
    dialog.get_by_role("button", name="Make override").click()
    expect(page.locator("#schedule .who-now")).to_contain_text("Bo")
    assert holder(platform) == "bo"
    page.get_by_role("button", name="End the override of Bo").click()
    expect(page.locator("#schedule .who-now")).to_contain_text("admin")
    assert holder(platform) == "admin"
    assert desk.complaints == []


def test_a_shift_opens_the_form_by_keyboard_and_escape_puts_it_back(desk: Window) -> None:
    page = desk.page
    page.goto("/console/oncall")
    desk.follow(page.get_by_role("link", name="Primary"))
    page.locator("svg[data-draw] a").last.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("main > .columns #override")).to_be_visible()


def test_without_javascript_the_form_does_it(desk: Window, platform: Installation, chrome: Browser) -> None:
    window = Window.open(chrome, platform.url, width=NARROW, javascript=False, like=desk)
    page = window.page
    page.goto("/console/oncall")
    page.get_by_role("link", name="Primary").click()
    page.locator("svg[data-draw] a").last.click()
    assert page.get_by_label("From").input_value()
    page.get_by_label("Who has it").select_option(label="Bo")
    page.get_by_role("button", name="Make override").click()
    expect(page.locator("#messages")).to_contain_text("Bo has Primary")
    page.get_by_role("button", name="End the override of Bo").click()
    expect(page.locator("#messages")).to_contain_text("over")
    window.close()


@pytest.mark.parametrize("path", ["", "/mine", "/fairness", "/new"])
def test_on_a_phone_nothing_scrolls_sideways(desk: Window, platform: Installation, chrome: Browser, path: str) -> None:
    window = Window.open(chrome, platform.url, width=NARROW, like=desk)
    window.page.goto(f"/console/oncall{path}")
    assert window.sideways <= 0
    assert window.complaints == []
    window.close()
