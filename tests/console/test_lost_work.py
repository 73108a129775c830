"""No note is lost: not when the session has ended, not when it is refused, not to a bare page of the server."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from incidents.choices import Status
from incidents.models import Incident, TimelineEntry
from incidents.response.services import incidents as services
from tests.console.conftest import HX, element, page_of
from tests.console.test_sign_in_page import PASSWORD
from tests.factories import actor

pytestmark = pytest.mark.django_db
NOTE = 'Line one\nwith "quotes", <b> & ünïcode'


def hidden(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)
    return {name: unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


def sign_in(client: Client, answer):
    """Go on from the sign-in page that came."""
    fields = {"username": "ana", "password": PASSWORD, **hidden(answer.content.decode())}
    return client.post("/console/login", fields, follow=True)


@pytest.fixture
def out(ana) -> Client:
    """A browser whose session has ended."""
    return Client()


def test_a_note_survives_the_end_of_the_session_without_scripts(out, opened):
    incident = opened()
    asked = out.post(f"{page_of(incident)}/note", {"content": NOTE})
    assert "Your session has ended" in asked.content.decode()
    wrong = out.post("/console/login", {"username": "ana", "password": "no", **hidden(asked.content.decode())})
    page = sign_in(out, wrong)
    assert page.redirect_chain[-1][0] == page_of(incident)
    composer = element(page.content.decode(), "composer")
    assert NOTE in unescape(composer)
    assert not TimelineEntry.objects.filter(kind="note_added").exists()
    assert NOTE not in unescape(out.get(page_of(incident)).content.decode())


@pytest.mark.parametrize(
    ("verb", "field"), [("resolve", "text"), ("escalate", "text"), ("snooze", "reason"), ("note", "content")]
)
def test_so_do_all_other_words(out, opened, verb, field):
    incident = opened()
    asked = out.post(f"{page_of(incident)}/{verb}", {field: NOTE})
    assert NOTE in unescape(sign_in(out, asked).content.decode())


def test_so_does_a_new_incident(out, workspace):
    asked = out.post("/console/incidents/new", {"title": "All is down", "description": NOTE})
    page = sign_in(out, asked)
    assert page.redirect_chain[-1][0] == "/console/incidents/new"
    assert 'value="All is down"' in page.content.decode()
    assert NOTE in unescape(page.content.decode())


def test_a_button_without_words_leads_back_to_its_page(out, opened):
    incident = opened()
    answer = out.post(f"{page_of(incident)}/acknowledge")
    assert (answer.status_code, answer["Location"]) == (302, f"/console/login?next={page_of(incident)}")
    answer = out.post(
        "/console/incidents/bulk",
        {"action": "resolve"},
        headers={"Referer": "http://testserver/console/incidents?view=mine"},
    )
    assert answer["Location"] == "/console/login?next=/console/incidents%3Fview%3Dmine"


def test_with_scripts_the_page_comes_back_and_says_why(out, opened):
    incident = opened()
    where = f"http://testserver{page_of(incident)}"
    answer = out.post(f"{page_of(incident)}/note", {"content": NOTE}, headers={**HX, "HX-Current-URL": where})
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == f"/console/login?next={page_of(incident).replace('/', '%2F')}&ended=yes"
    assert "Your session has ended" in out.get(answer["HX-Redirect"]).content.decode()


@pytest.mark.parametrize("elsewhere", ["https://evil.example/x", "//evil.example", "javascript:alert(1)"])
def test_never_to_a_page_of_somebody_else(out, opened, elsewhere):
    incident = opened()
    answer = out.post(f"{page_of(incident)}/acknowledge", {"next": elsewhere}, headers={"Referer": elsewhere})
    assert answer["Location"] == f"/console/login?next={page_of(incident)}"


def test_a_password_is_never_carried(out):
    answer = out.post(
        "/console/destinations/accounts/new/email", {"password": "hunter2", "setting-password": "hunter2"}
    )
    assert "hunter2" not in answer.content.decode()


def test_more_than_can_be_carried_is_left_behind_quietly(out, opened):
    answer = out.post(f"{page_of(opened())}/note", {"content": "ä" * 70_000})
    assert answer.status_code == 302


def test_a_refused_note_comes_back_too(browser, ana, opened, workspace, now):
    incident = opened()
    client = browser(ana)
    client.post(f"{page_of(incident)}/resolve", {"text": "was resolved"})
    page = client.post(f"{page_of(incident)}/resolve", {"text": NOTE}, follow=True).content.decode()
    assert "You typed this, and it was not sent" in page
    assert NOTE in unescape(page)


def test_a_refusal_is_marked_so_that_the_form_keeps_what_was_typed(browser, ana, opened):
    client, incident = browser(ana), opened()
    refused = client.post(f"{page_of(incident)}/note", {"content": " "}, headers=HX, follow=True).content.decode()
    assert "data-refused" in refused
    taken = client.post(f"{page_of(incident)}/note", {"content": "fine"}, headers=HX, follow=True).content.decode()
    assert "data-refused" not in taken


def test_a_page_that_was_open_for_too_long_gives_the_words_back(ana, opened):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ana)
    answer = client.post(f"{page_of(opened())}/note", {"content": NOTE})
    assert answer.status_code == 403
    assert NOTE in unescape(answer.content.decode())


def test_every_button_asked_by_a_get_leads_to_a_page(browser, ana, mia_paths):
    client = browser(ana)
    for path in mia_paths:
        answer = client.get(path)
        assert answer.status_code != 405, path
        if answer.status_code == 302:
            assert client.get(answer["Location"]).status_code in (200, 404), path


@pytest.fixture
def mia_paths(opened) -> list[str]:
    """Every path of the console, with an incident or a number where it takes one."""
    incident, found = opened(), set()
    for name, entries in get_resolver().reverse_dict.lists():
        if not isinstance(name, str):
            continue
        for possibilities, *_ in entries:
            for _, params in possibilities:
                given = {"reference": incident.public_id, "action": "note", "kind": "email", "urgency": "high"}
                try:
                    path = reverse(name, kwargs={param: given.get(param, 1) for param in params})
                except Exception:  # noqa: BLE001 - a path that takes something else is another's
                    continue
                if path.startswith("/console") and "out" not in name.rsplit("-", 1)[-1]:
                    found.add(path)
    assert len(found) > 60
    return sorted(found)


@pytest.mark.parametrize("path", ["/console", "/console/incidents", "/console/logout", "/console/incidents/new"])
def test_what_a_page_cannot_be_asked_is_said_in_our_look(browser, ana, path):
    answer = browser(ana).delete(path)
    assert answer.status_code == 405
    assert "GET" in answer["Allow"]
    assert "Back to the console" in answer.content.decode()


class TestTakeIt:
    def test_it_acknowledges_and_assigns_and_says_so(self, browser, ana, opened):
        incident, client = opened(), browser(ana)
        shown = element(client.get(page_of(incident)).content.decode(), "glance")
        assert "Take it" in shown
        assert "acknowledges it, paging stops" in shown
        said = client.post(f"{page_of(incident)}/take", follow=True).content.decode()
        incident.refresh_from_db()
        assert (incident.status, incident.assignee, incident.acknowledged_by) == (
            Status.ACKNOWLEDGED,
            ana,
            "Ana Moreau",
        )
        assert "is with you: paging has stopped" in said

    def test_what_somebody_has_is_taken_over(self, browser, ana, opened, workspace, now):
        incident = opened()
        services.acknowledge(actor=actor(workspace, label="Bo"), incident_id=incident.pk, now=now)
        client = browser(ana)
        assert "Take it over" in element(client.get(page_of(incident)).content.decode(), "glance")
        client.post(f"{page_of(incident)}/take")
        incident.refresh_from_db()
        assert (incident.acknowledged_by, incident.assignee) == ("Bo", ana)

    def test_a_viewer_may_not(self, browser, viewer, opened):
        incident = opened()
        browser(viewer).post(f"{page_of(incident)}/take")
        assert Incident.objects.get(pk=incident.pk).status == Status.OPEN
