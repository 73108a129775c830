"""Chromium before a platform that pages: a policy made by hand, a countdown that runs, an acknowledgement that stops it in the
other window, an override that changes who is paged next, a push that the installed console shows. A real SMTP server takes the
pages."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.peers import free_port
from tests.proof.browser import SOON, Window, chromium
from tests.proof.harness import SIGN_IN, embedded, eventually
from tests.receivers.mail import SmtpReceiver
from tests.runtime.installation import Installation

pytestmark = pytest.mark.proof

NARROW = 400  # pixels
PAGES = (
    "escalation", "escalation/new", "escalation/services", "escalation/what-if", "deliveries", "destinations",
    "destinations/new", "destinations/accounts", "destinations/accounts/new/email", "destinations/routes",
    "destinations/routes/new", "destinations/words", "destinations/words/new", "notifications",
)  # fmt: skip
PEOPLE = {"admin": "ada@example.com", "bo": "bo@example.com"}
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def mailbox() -> Iterator[SmtpReceiver]:
    started = SmtpReceiver()
    yield started
    started.close()


@pytest.fixture(scope="module")
def pager(tmp_path_factory: pytest.TempPathFactory, mailbox: SmtpReceiver) -> Iterator[Installation]:
    """``make run`` on a laptop, with a mail server for those who have set up nothing else."""
    folder: Path = tmp_path_factory.mktemp("pager")
    mail = f"smtp://127.0.0.1:{mailbox.port}?security=none&from=noc@example.com"
    port = str(free_port())
    with embedded("pager", folder, AIOPS_PORT=port, AIOPS_SMTP_URL=mail, AIOPS_PROOF_MINUTES="1", **SIGN_IN) as started:
        yield started


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def ada(pager: Installation, chrome: Browser) -> Iterator[Window]:
    """The administrator, with a colleague, a schedule and a policy of their own, all made in the browser."""
    window = Window.open(chrome, pager.url)
    window.sign_in()
    make_people(window.page)
    window.complaints.clear()  # Django's own pages have no icon
    make_schedule(window.page)
    make_policy(window.page)
    assert window.complaints == []
    yield window
    window.close()


@pytest.fixture(scope="module")
def bob(pager: Installation, chrome: Browser, ada: Window) -> Iterator[Window]:
    """Another window."""
    window = Window.open(chrome, pager.url, like=ada)
    yield window
    window.close()


@pytest.fixture(autouse=True)
def _calm(ada: Window, bob: Window) -> Iterator[None]:
    """Nothing may have gone wrong in any window."""
    yield
    assert ada.complaints + bob.complaints == []


def make_people(page: Page) -> None:
    page.goto("/admin/access/user/")
    page.get_by_role("link", name="admin", exact=True).click()
    page.fill("#id_email", PEOPLE["admin"])
    page.click("input[name=_save]")
    page.goto("/admin/access/user/add/")
    page.fill("#id_username", "bo")
    page.fill("#id_password1", "correct horse battery")
    page.fill("#id_password2", "correct horse battery")
    page.click("input[name=_save]")
    page.check("#id_is_superuser")
    page.fill("#id_first_name", "Bo")
    page.fill("#id_email", PEOPLE["bo"])
    page.click("input[name=_save]")


def make_schedule(page: Page) -> None:
    page.goto("/console/oncall/new")
    page.fill("#name", "Primary")
    page.locator("[name=layer-0-member]").first.select_option(label="admin")
    page.locator("[data-action=save-schedule]").click()
    expect(page.locator("h1")).to_have_text("Primary")


def make_policy(page: Page) -> None:
    """Who is on call at once, then Bo after three minutes; its levels are made by the editor's own buttons."""
    page.goto("/console/escalation/new")
    page.get_by_label("Name", exact=True).fill("Pager")
    page.get_by_label("Every one (the workspace's default)").check()
    page.locator("[name=step-0-target]").first.select_option(label="Primary")
    page.get_by_role("button", name="Add a level").click()
    expect(page.locator(".step")).to_have_count(2)
    expect(page.locator("[name=step-0-target]").first).to_have_value(re.compile("schedule:"))  # nothing typed is lost
    page.locator("[name=step-1-target]").first.select_option(label="Bo")
    page.locator("[name=step-1-delay]").fill("3")
    page.get_by_role("button", name="Level 2 up").click()
    expect(page.locator("[name=step-0-delay]")).to_have_value("3")
    page.get_by_role("button", name="Level 1 down").click()
    expect(page.locator("[name=step-1-delay]")).to_have_value("3")
    page.locator("[data-action=save-policy]").click()
    expect(page.locator("h1")).to_have_text("Pager")
    expect(page.locator(".ladder .rung")).to_have_count(3)


def fire(pager: Installation) -> str:
    """Raise an incident as a script would; returns its id."""
    body = {"title": f"Queue {next(_numbers)} is stuck", "severity": "critical"}
    return str(pager.post("/webhook", json=body).raise_for_status().json()["incident_id"])


def pages_to(mailbox: SmtpReceiver, name: str, incident: str) -> int:
    """How many pages of the incident somebody got."""
    return sum(
        PEOPLE[name] in mail.recipients and incident.encode() in mail.raw.replace(b"=\r\n", b"")
        for mail in mailbox.mails
    )


def show(incident: str, *windows: Window) -> None:
    for window in windows:
        window.page.goto(f"/console/incidents/{incident}")
        window.wait_until_live()


def next_of(window: Window) -> Locator:
    return window.page.locator("#escalation [data-run-next]")


def test_the_countdown_runs_and_an_acknowledgement_stops_it_in_the_other_window(
    pager: Installation, mailbox: SmtpReceiver, ada: Window, bob: Window
) -> None:
    incident = fire(pager)
    eventually("the page of whoever is on call", lambda: pages_to(mailbox, "admin", incident))
    show(incident, ada, bob)
    expect(next_of(bob)).to_have_text(re.compile(r"Pages Bo in [0-3]:\d\d"))
    panel = bob.page.locator("#escalation")
    expect(panel.locator(".told")).to_contain_text(["admin"])
    expect(panel.locator("[data-delivery-state=sent]").first).to_be_visible()
    before, width = next_of(bob).inner_text(), panel.locator("svg.countdown rect").get_attribute("width")
    expect(next_of(bob)).not_to_have_text(before, timeout=3 * SOON)  # it ticks …
    expect(panel.locator("svg.countdown rect")).not_to_have_attribute(
        "width", width or "", timeout=3 * SOON
    )  # … and so does the bar
    ada.page.get_by_role("button", name="Acknowledge").click()
    expect(panel).to_have_attribute("data-run-state", "acknowledged", timeout=SOON)
    expect(next_of(bob)).to_have_text("admin has it, paging has stopped", timeout=SOON)
    expect(panel.locator("svg.countdown")).to_have_count(0)
    expect(panel).to_contain_text("admin was first")
    assert pages_to(mailbox, "bo", incident) == 0


def test_an_override_changes_who_is_paged_by_the_next_alert(
    pager: Installation, mailbox: SmtpReceiver, ada: Window
) -> None:
    page = ada.page
    page.goto("/console/oncall")
    ada.follow(page.get_by_role("link", name="Primary"))
    page.locator("svg[data-draw] a").last.click()  # the shift that goes on: the form opens with its times
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Who has it").select_option(label="Bo")
    dialog.get_by_label("From").evaluate("field => { field.value = '2026-01-01T00:00' }")
    dialog.get_by_role("button", name="Make override").click()
    expect(page.locator("#schedule .who-now")).to_contain_text("Bo")
    incident = fire(pager)
    eventually("the page of whoever has it now", lambda: pages_to(mailbox, "bo", incident))
    show(incident, ada)
    expect(ada.page.locator("#escalation .told")).to_contain_text(["Bo"])
    assert pages_to(mailbox, "admin", incident) == 0
    page.goto("/console/escalation/what-if")
    expect(page.locator("[data-foretold] .rung").first).to_contain_text("Bo")
    page.goto("/console/oncall")
    ada.follow(page.get_by_role("link", name="Primary"))
    page.get_by_role("button", name="End the override of Bo").first.click()
    expect(page.locator("#schedule .who-now")).to_contain_text("admin")


def test_the_log_shows_a_message_as_it_goes(pager: Installation, ada: Window) -> None:
    ada.page.goto("/console/deliveries")
    ada.wait_until_live()
    ada.page.mouse.move(1, 1)
    incident = fire(pager)
    row = ada.page.locator(".log .log-row", has_text="Queue").first
    name = pager.get(f"/incidents/{incident}").json()["incident"]["title"]
    expect(ada.page.locator(".log .log-row", has_text=name).first).to_be_visible(timeout=5 * SOON)
    row.get_by_role("link").click()
    expect(ada.page.locator("#trace")).to_contain_text("Intended")
    expect(ada.page.locator(".said")).to_contain_text("Queue")


def test_a_test_says_what_came_of_it_and_nothing_goes_at_a_slip(pager: Installation, ada: Window) -> None:
    page = ada.page
    page.goto("/console/destinations/new/log")
    page.get_by_label("Name").or_(page.locator("#id_address")).first.fill("nightly")
    page.locator("#id_label").fill("Nightly log")
    ada.follow(page.locator("[data-action=save-destination]"))
    row = page.locator(".outlet", has_text="Nightly log")
    row.get_by_role("button", name="Test").click()
    expect(page.locator("#messages")).to_contain_text("Test to Nightly log: delivered")
    row = page.locator(".outlet", has_text="Nightly log")
    row.get_by_text("More").click()
    row.get_by_role("button", name="Remove").click()
    expect(page.locator("#messages")).to_contain_text("Press again to remove Nightly log")
    expect(row).to_have_count(1)
    row.get_by_role("button", name="Remove").click()
    expect(page.locator("#messages")).to_contain_text("Nightly log is gone")


def test_the_top_bar_says_when_paging_was_last_proven(pager: Installation, ada: Window) -> None:
    def proven() -> bool:
        ada.page.goto("/console")
        return "Paging engine proven" in ada.page.locator("#proof").inner_text()

    eventually("a proof of paging", proven, seconds=60, pause=1)
    expect(ada.page.locator("#proof")).to_have_class("proof")


def test_a_push_shows_also_while_nobody_looks_and_opens_the_incident(
    pager: Installation, chrome: Browser, ada: Window
) -> None:
    window = Window.open(chrome, pager.url, like=ada)
    page, context = window.page, window.page.context
    context.grant_permissions(["notifications"])
    page.goto("/console/notifications")
    page.get_by_role("button", name="Set it up for everybody").click()
    expect(page.get_by_role("button", name="Enable on this browser")).to_be_visible()
    page.evaluate("navigator.serviceWorker.register('/sw.js').then(() => navigator.serviceWorker.ready)")
    devtools = context.new_cdp_session(page)
    registered: list[str] = []
    devtools.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: registered.extend(each["registrationId"] for each in event["registrations"]),
    )
    devtools.send("ServiceWorker.enable")
    eventually("the worker's registration", lambda: registered or page.wait_for_timeout(20))
    said = {
        "title": "[CRITICAL] Queue is stuck",
        "body": "Service: Default",
        "url": f"{pager.url}/console/incidents/inc-00000001",
    }
    said |= {"tag": "inc-00000001", "event": "trigger", "urgency": "high", "answers": []}
    shown = "navigator.serviceWorker.ready.then(r => r.getNotifications())"
    shown += ".then(all => all.map(n => [n.title, n.body, n.tag, n.data.url]))"

    def after_a_push() -> Any:
        """The developer tools drop what they hand to a worker that is just being started; the tag makes one of several."""
        push = {"origin": pager.url, "registrationId": registered[-1], "data": json.dumps(said)}
        devtools.send("ServiceWorker.deliverPushMessage", push)
        page.wait_for_timeout(300)
        return page.evaluate(shown)

    (notice,) = eventually("the notification", after_a_push)
    assert notice == [said["title"], said["body"], said["tag"], said["url"]]
    window.close()


def test_on_a_phone_nothing_scrolls_sideways(pager: Installation, chrome: Browser, ada: Window) -> None:
    phone = Window.open(chrome, pager.url, width=NARROW, like=ada)
    for path in PAGES:
        phone.page.goto(f"/console/{path}")
        assert phone.sideways <= 0, path
    assert phone.complaints == []
    phone.close()


def test_a_policy_is_made_without_javascript(pager: Installation, chrome: Browser, ada: Window) -> None:
    plain = Window.open(chrome, pager.url, javascript=False, like=ada)
    page = plain.page
    page.goto("/console/escalation/new")
    page.get_by_label("Name", exact=True).fill("Plain")
    page.get_by_role("button", name="Add a level").click()
    expect(page.locator(".step")).to_have_count(2)
    expect(page.get_by_label("Name", exact=True)).to_have_value("Plain")
    page.locator("[data-action=save-policy]").click()
    expect(page.locator(".step .error").first).to_have_text("Expected at least one.")
    for n in (0, 1):
        page.locator(f"[name=step-{n}-target]").first.select_option(label="Bo")
    page.get_by_label("Name", exact=True).press("Enter")  # saves; it presses none of the levels' buttons
    expect(page.locator("h1")).to_have_text("Plain")
    assert [said for said in plain.complaints if "422" not in said] == []
    plain.close()
