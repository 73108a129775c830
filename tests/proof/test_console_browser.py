"""Chromium before the console after a night shift: held lists, notes that outlive anything, names too long for a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.peers import free_port
from tests.proof.browser import SOON, Window, chromium
from tests.proof.harness import SIGN_IN, embedded
from tests.runtime.installation import Installation

pytestmark = pytest.mark.proof

LONG = "a-name-without-any-blank-that-somebody-typed-late-at-night-" * 2
WIDTHS = (400, 720)  # a phone; a laptop at 200 %
SKIPPED = {"/console/logout", "/console/theme"}
STARTS = (
    "/console", "/console/incidents?view=all", "/console/incidents/new", "/console/dead-letters", "/console/oncall",
    "/console/oncall/new", "/console/oncall/mine", "/console/escalation", "/console/escalation/new",
    "/console/escalation/services",
    "/console/escalation/what-if", "/console/deliveries", "/console/destinations", "/console/destinations/new",
    "/console/destinations/new/log", "/console/destinations/accounts", "/console/destinations/accounts/new",
    "/console/destinations/accounts/new/email", "/console/destinations/routes", "/console/destinations/routes/new",
    "/console/destinations/words", "/console/destinations/words/new", "/console/notifications",
)  # fmt: skip


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """``make run`` on a laptop."""
    folder: Path = tmp_path_factory.mktemp("console")
    with embedded("console", folder, AIOPS_PORT=str(free_port()), **SIGN_IN) as started:
        yield started


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def ann(laptop: Installation, chrome: Browser) -> Iterator[Window]:
    """The administrator's window, on a platform in which everything has a name that is too long."""
    window = Window.open(chrome, laptop.url)
    window.sign_in()
    name_everything(window.page)
    yield window
    window.close()


def name_everything(page: Page) -> None:
    """A service, a person, a schedule, a policy and a destination with long names; an incident with long texts."""
    page.goto("/admin/incidents/service/add/")
    page.fill("#id_name", LONG[:100])
    page.select_option("#id_workspace", index=1)
    page.click("input[name=_save]")
    page.goto("/admin/access/user/add/")
    page.fill("#id_username", LONG[:100])
    page.fill("#id_password1", "correct horse battery")
    page.fill("#id_password2", "correct horse battery")
    page.click("input[name=_save]")
    page.check("#id_is_superuser")
    page.fill("#id_email", f"{LONG[:50]}@example.com")
    page.click("input[name=_save]")
    page.goto("/console/oncall/new")
    page.fill("#name", LONG[:90])
    page.locator("[name=layer-0-member]").first.select_option(index=1)
    page.locator("[data-action=save-schedule]").click()
    page.wait_for_url(re.compile(r"/console/oncall/\d+"))
    page.goto("/console/escalation/new")
    page.get_by_label("Name", exact=True).fill(LONG[:90])
    page.locator("[name=step-0-target]").first.select_option(index=1)
    page.locator("[data-action=save-policy]").click()
    page.wait_for_url(re.compile(r"/console/escalation/\d+"))
    page.goto("/console/destinations/new/log")
    page.locator("#id_address").fill("nightly")
    page.locator("#id_label").fill(LONG[:90])
    page.locator("[data-action=save-destination]").click()
    page.wait_for_url(re.compile(r"/console/destinations$"))


def fire(laptop: Installation, title: str, **fields: object) -> str:
    """Raise an incident as a script would; returns its id."""
    body = {"title": title, "severity": "critical", **fields}
    return str(laptop.post("/webhook", json=body).raise_for_status().json()["incident_id"])


def links_of(page: Page) -> set[str]:
    """Where the page leads within the console."""
    found = page.eval_on_selector_all(
        "main a[href]", "all => all.map(a => new URL(a.getAttribute('href'), location.href).pathname)"
    )
    return {path for path in found if path.startswith("/console/") and path not in SKIPPED}


@pytest.mark.timeout(480)
def test_no_page_is_wider_than_the_screen(laptop: Installation, chrome: Browser, ann: Window) -> None:
    labels = {LONG[:60]: LONG, "team": "payments"}
    fire(laptop, LONG, service=LONG[:100], namespace=LONG, labels=labels, description=LONG)
    narrow = Window.open(chrome, laptop.url, like=ann)
    wide, seen, waiting = {}, set(), list(STARTS)
    while waiting:
        path = waiting.pop(0)
        kind = re.sub(r"\d+|inc-\w+|INC-[\d-]+|dlv-\w+", "0", path.split("?")[0]) + ("?" if "?" in path else "")
        if kind in seen:
            continue
        seen.add(kind)
        narrow.page.goto(path)
        for width in WIDTHS:
            narrow.page.set_viewport_size({"width": width, "height": 800})
            if narrow.sideways > 0:
                wide[path, width] = narrow.sideways
        waiting += sorted(links_of(narrow.page))
    narrow.close()
    assert len(seen) > len(STARTS)
    assert wide == {}, f"wider than the screen, by so many pixels: {wide}"


@pytest.mark.parametrize("path", ["/console", "/console/incidents"])
def test_that_nobody_is_reached_is_never_cut(laptop: Installation, ann: Window, path: str) -> None:
    fire(laptop, "Nobody hears of it")
    ann.page.goto(path)
    late = ann.page.locator(".next.late > bdi").first
    expect(late).to_contain_text(re.compile("reaches no(body| person)"))
    for width in (*WIDTHS, 1440):
        ann.page.set_viewport_size({"width": width, "height": 800})
        assert late.evaluate("shown => shown.scrollHeight - shown.clientHeight") <= 1, width


def test_keys_act_on_the_current_row_and_open_an_incident_from_everywhere(laptop: Installation, ann: Window) -> None:
    incident, page = fire(laptop, "Who looks into it?"), ann.page
    page.goto("/console/incidents")
    ann.wait_until_live()
    page.locator(f"#row-{incident} .row-title").focus()
    page.keyboard.press("i")
    expect(page.locator(f"#row-{incident} [data-status=investigating]")).to_be_visible(timeout=10 * SOON)
    page.goto(f"/console/incidents/{incident}")
    ann.wait_until_live()
    page.keyboard.press("c")
    page.wait_for_url("**/console/incidents/new")


def test_a_held_list_strikes_out_nothing_that_is_open(laptop: Installation, ann: Window) -> None:
    kept, taken = fire(laptop, "Stays open"), fire(laptop, "Is taken")
    ann.page.goto("/console/incidents?view=waiting")
    ann.wait_until_live()
    ann.page.locator(f"#row-{kept}").hover()
    for n in range(60):
        fire(laptop, f"Pushes it off {n}")
    expect(ann.page.locator("#pill")).to_contain_text("new")
    laptop.post(f"/incidents/{taken}/acknowledge", json={}).raise_for_status()
    gone = ann.page.locator(f"#row-{taken}.is-gone")
    expect(gone.locator("[data-status=acknowledged]")).to_be_visible(timeout=10 * SOON)
    expect(ann.page.locator(f"#row-{kept}")).not_to_have_class(re.compile("is-gone"))
    open_and_faded = ann.page.locator("#rows .row.is-gone:has([data-status=open])")
    assert open_and_faded.count() == 0


def test_a_note_outlives_a_reload_and_a_session_that_ended(laptop: Installation, chrome: Browser) -> None:
    incident = fire(laptop, "Somebody writes about it")
    window = Window.open(chrome, laptop.url)
    window.sign_in()
    page = window.page
    page.goto(f"/console/incidents/{incident}")
    window.wait_until_live()
    page.locator("#note").fill("The disk is\nfull again")
    page.reload()
    expect(page.locator("#note")).to_have_value("The disk is\nfull again")
    page.context.clear_cookies(name="sessionid")
    page.locator("#note").press("Control+Enter")
    expect(page.get_by_text("Your session has ended")).to_be_visible()
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(SIGN_IN["AIOPS_ADMIN_PASSWORD"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**/console/incidents/{incident}")
    expect(page.locator("#note")).to_have_value("The disk is\nfull again")
    page.locator("#note").press("Control+Enter")
    expect(page.locator("#timeline blockquote")).to_have_text("The disk is\nfull again")
    expect(page.locator("#note")).to_have_value("")
    page.reload()
    expect(page.locator("#note")).to_have_value("")
    window.close()


def test_what_is_in_hand_survives_what_others_do(laptop: Installation, ann: Window) -> None:
    incident, page = fire(laptop, "Somebody is about to resolve it"), ann.page
    page.goto(f"/console/incidents/{incident}")
    ann.wait_until_live()
    page.locator("#menu-more summary").click()
    page.locator("#resolve-text").fill("Restarted the p")
    laptop.post(f"/incidents/{incident}/acknowledge", json={}).raise_for_status()
    expect(page.locator("#head > [data-status=acknowledged]")).to_be_visible(timeout=10 * SOON)
    expect(page.locator("#resolve-text")).to_be_focused()
    page.keyboard.type("od")
    expect(page.locator("#resolve-text")).to_have_value("Restarted the pod")
    expect(page.locator("#menu-more [data-action=unacknowledge]")).to_have_count(
        0
    )  # the menu did not change under the pointer
    page.keyboard.press("Escape")
    expect(page.locator("#menu-more [data-action=unacknowledge]")).to_have_count(1, timeout=10 * SOON)
    expect(page.locator("#resolve-text")).to_have_value("Restarted the pod")


def test_what_is_selected_stays_selected_when_its_row_changes(laptop: Installation, ann: Window) -> None:
    incident, page = fire(laptop, "Selected", dedup_key="selected"), ann.page
    page.goto("/console/incidents")
    ann.wait_until_live()
    row = page.locator(f"#row-{incident}")
    row.locator(".row-check").check()
    page.mouse.move(1, 1)
    fire(laptop, "Selected", dedup_key="selected")
    expect(row.locator(".times")).to_contain_text("×2", timeout=10 * SOON)
    expect(row.locator(".row-check")).to_be_checked()
    expect(page.locator("[data-bulk]")).to_have_attribute("data-selected", "1")
    row.locator(".row-check").uncheck()


def test_a_form_that_was_taken_is_empty_even_if_one_is_back_before_any_script_ran(
    laptop: Installation, ann: Window
) -> None:
    page = ann.page
    page.goto("/console/incidents/new")
    page.get_by_label("Title").fill("Nobody can log in")
    page.route(
        "**/drafts*.js*", lambda route: route.abort()
    )  # the page that follows is left before its scripts are there
    page.get_by_role("button", name="Open incident").click()
    expect(page.locator("h1")).to_have_text("Nobody can log in")
    page.unroute_all()
    page.goto("/console/incidents/new")
    page.wait_for_load_state("load")
    expect(page.get_by_label("Title")).to_have_value("")


def test_a_draft_outlives_a_server_that_is_away(laptop: Installation, ann: Window) -> None:
    page = ann.page
    page.goto("/console/incidents/new")
    page.get_by_label("Title").fill("Nobody can pay again")
    page.route("**/console/incidents/new", lambda route: route.abort())  # so it never arrives
    page.get_by_role("button", name="Open incident").click()
    page.unroute_all()
    page.goto("/console/incidents/new")
    expect(page.get_by_label("Title")).to_have_value("Nobody can pay again")
    page.get_by_label("Title").fill("")


def test_a_new_incident_outlives_the_end_of_the_session(laptop: Installation, chrome: Browser) -> None:
    window = Window.open(chrome, laptop.url)
    window.sign_in()
    page = window.page
    page.goto("/console/incidents/new")
    page.get_by_label("Title").fill("Nobody can pay")
    page.get_by_label("Description").fill("Since the deploy")
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Open incident").click()
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(SIGN_IN["AIOPS_ADMIN_PASSWORD"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/console/incidents/new")
    expect(page.get_by_label("Title")).to_have_value("Nobody can pay")
    expect(page.get_by_label("Description")).to_have_value("Since the deploy")
    page.get_by_role("button", name="Open incident").click()
    expect(page.locator("h1")).to_have_text("Nobody can pay")
    page.goto("/console/incidents/new")
    expect(page.get_by_label("Title")).to_have_value("")
    window.close()
