"""Buttons, keys and forms: each changes the incident through its service, tells what came of it, and leads back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages

from aiops.access.actors import Role
from aiops.access.models import Membership
from aiops.kernel.errors import InvalidInput
from incidents.choices import EntryKind, Priority, Severity, Status
from incidents.models import Incident, Service, TimelineEntry
from incidents.response.services import incidents as services
from tests.console.conftest import HX, page_of
from tests.factories import NOW, actor, make_service, make_user, make_workspace

pytestmark = pytest.mark.django_db

BULK = "/console/incidents/bulk"
NEW = "/console/incidents/new"


def told(answer) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def do(client, incident, action, data=None, **more):
    return client.post(f"{page_of(incident)}/{action}", data or {}, **more)


class TestOne:
    @pytest.mark.parametrize(
        ("before", "action", "after"),
        [
            ([], "acknowledge", Status.ACKNOWLEDGED),
            ([], "investigate", Status.INVESTIGATING),
            ([], "resolve", Status.RESOLVED),
            ([], "close", Status.CLOSED),
            (["acknowledge"], "unacknowledge", Status.OPEN),
            (["resolve"], "reopen", Status.OPEN),
        ],
    )
    def test_a_move_changes_the_status_and_is_signed(self, browser, ana, opened, before, action, after):
        incident, client = opened(), browser(ana)
        for step in before:
            do(client, incident, step)
        answer = do(client, incident, action)
        incident.refresh_from_db()
        assert incident.status == after
        assert TimelineEntry.objects.filter(incident=incident).last().actor_label == "Ana Moreau"
        assert incident.name in told(answer)
        assert (answer.status_code, answer["Location"]) == (302, page_of(incident))

    def test_a_move_that_does_not_fit_is_refused_with_what_does(self, browser, ana, opened):
        incident, client = opened(), browser(ana)
        do(client, incident, "resolve")
        answer = do(client, incident, "acknowledge")
        assert "Can't acknowledge an incident that is resolved" in told(answer)
        assert "Allowed now: close, reopen." in told(answer)
        incident.refresh_from_db()
        assert incident.status == Status.RESOLVED

    def test_resolving_with_words(self, browser, ana, opened):
        incident = opened()
        do(browser(ana), incident, "resolve", {"text": "Rolled back"})
        incident.refresh_from_db()
        assert (incident.resolution, incident.resolved_by) == ("Rolled back", "Ana Moreau")

    @pytest.mark.parametrize(
        ("data", "hours"),
        [({"preset": "30m"}, 0.5), ({"preset": "72h"}, 72), ({"hours": "1.5"}, 1.5), ({"hours": "720"}, 720)],
    )
    def test_snoozing_for_a_preset_or_for_hours(self, browser, ana, opened, data, hours):
        incident = opened()
        do(browser(ana), incident, "snooze", {**data, "reason": " deploy "})
        incident.refresh_from_db()
        assert incident.snoozed_until - incident.snoozed_at == timedelta(hours=hours)
        assert (incident.snooze_reason, incident.snoozed_by) == ("deploy", "Ana Moreau")
        do(browser(ana), incident, "unsnooze")
        incident.refresh_from_db()
        assert incident.snoozed_until is None

    @pytest.mark.parametrize(
        ("data", "complaint"),
        [
            ({}, "Say for how long"),
            ({"hours": "0"}, "over 0 and at most 720"),
            ({"hours": "-1"}, "over 0 and at most 720"),
            ({"hours": "721"}, "over 0 and at most 720"),
            ({"hours": "soon"}, "hours: Enter a number"),
            ({"hours": "nan"}, "hours: Enter a number"),
            ({"hours": "inf"}, "hours: Enter a number"),
            ({"preset": "1y"}, "preset: Select a valid choice"),
        ],
    )
    def test_a_snooze_that_cannot_be_is_refused_by_name(self, browser, ana, opened, data, complaint):
        incident = opened()
        assert complaint in told(do(browser(ana), incident, "snooze", data))
        incident.refresh_from_db()
        assert incident.snoozed_until is None

    def test_a_note_stands_in_the_timeline(self, browser, ana, opened):
        incident = opened()
        assert told(do(browser(ana), incident, "note", {"content": "  Looking at it\n"})) == ""
        note = TimelineEntry.objects.get(incident=incident, kind=EntryKind.NOTE_ADDED)
        assert (note.text, note.actor_label) == ("Looking at it", "Ana Moreau")

    @pytest.mark.parametrize("content", ["", "   ", "x" * 20_001, "a\0b"])
    def test_a_note_must_say_something_that_can_be_kept(self, browser, ana, opened, content):
        incident = opened()
        assert "content: " in told(do(browser(ana), incident, "note", {"content": content}))
        assert not TimelineEntry.objects.filter(incident=incident, kind=EntryKind.NOTE_ADDED).exists()

    def test_taking_it_giving_it_and_giving_it_back(self, browser, ana, opened, workspace):
        incident, bo = opened(), make_user("bo", workspace)
        for wanted, assignee in (("me", ana), (str(bo.pk), bo), ("", None)):
            do(browser(ana), incident, "assign", {"assignee": wanted})
            incident.refresh_from_db()
            assert incident.assignee == assignee

    def test_only_members_can_have_it(self, browser, ana, opened, stranger):
        incident = opened()
        for wanted in (str(stranger.pk), "999999", "bo", "-1"):
            assert do(browser(ana), incident, "assign", {"assignee": wanted}).status_code == 302
            incident.refresh_from_db()
            assert incident.assignee is None

    def test_somebody_of_another_workspace_and_nobody_are_refused_alike(self, browser, ana, opened, stranger):
        incident = opened()
        said = [told(do(browser(ana), incident, "assign", {"assignee": wanted})) for wanted in (stranger.pk, 999_999)]
        assert said[0] == said[1] and stranger.username not in said[0]

    def test_priority(self, browser, ana, opened):
        incident = opened(severity=Severity.LOW)
        do(browser(ana), incident, "priority", {"priority": "1"})
        incident.refresh_from_db()
        assert incident.priority == Priority.P1
        assert "priority: " in told(do(browser(ana), incident, "priority", {"priority": "9"}))

    def test_escalating_with_a_reason(self, browser, ana, opened):
        incident = opened()
        do(browser(ana), incident, "escalate", {"text": "nobody answers"})
        incident.refresh_from_db()
        assert incident.escalated_at is not None
        assert TimelineEntry.objects.filter(incident=incident).last().text == "nobody answers"
        assert "is escalated" in told(do(browser(ana), incident, "escalate"))


class TestWhoMay:
    ALL = ("acknowledge", "resolve", "snooze", "note", "assign", "priority", "escalate")

    @pytest.mark.parametrize("action", ALL)
    def test_a_viewer_is_told_what_it_takes(self, browser, viewer, opened, action):
        incident = opened()
        data = {"preset": "1h", "content": "x", "priority": "1", "assignee": "me"}
        assert "operator or admin" in told(do(browser(viewer), incident, action, data))
        incident.refresh_from_db()
        assert (incident.status, incident.snoozed_until, incident.assignee) == (Status.OPEN, None, None)

    @pytest.mark.parametrize("action", ALL)
    def test_to_others_it_does_not_exist(self, browser, stranger, opened, action):
        assert do(browser(stranger), opened(), action).status_code == 404

    def test_nobody_has_to_sign_in_first(self, client, opened):
        assert do(client, opened(), "acknowledge")["Location"].startswith("/console/login")

    def test_changing_takes_a_post_and_an_action_that_exists(self, browser, ana, opened):
        incident = opened()
        answer = browser(ana).get(f"{page_of(incident)}/acknowledge")
        assert (answer.status_code, answer["Location"]) == (302, page_of(incident))
        incident.refresh_from_db()
        assert incident.status == "open"
        assert browser(ana).get(f"{page_of(incident)}/explode").status_code == 404
        assert do(browser(ana), incident, "explode").status_code == 404


class TestTheWayBack:
    def test_a_fragment_request_ends_in_the_fragments_of_its_page(self, browser, ana, opened):
        incident = opened()
        where = "http://testserver/console/incidents?severity=medium"
        answer = do(browser(ana), incident, "acknowledge", headers={**HX, "HX-Current-URL": where}, follow=True)
        assert answer.redirect_chain[-1][0] == where
        page = answer.content.decode()
        assert "<html" not in page
        assert 'data-status="acknowledged"' in page
        assert f"{incident.name} is acknowledged." in page

    def test_without_javascript_the_page_that_one_was_on(self, browser, ana, opened):
        answer = do(
            browser(ana), opened(), "acknowledge", headers={"Referer": "http://testserver/console/incidents?view=mine"}
        )
        assert answer["Location"].endswith("/console/incidents?view=mine")

    @pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
    def test_never_elsewhere(self, browser, ana, opened, where):
        incident = opened()
        answer = do(
            browser(ana), incident, "acknowledge", {"next": where}, headers={"HX-Current-URL": where, "Referer": where}
        )
        assert answer["Location"] == page_of(incident)

    def test_a_refusal_in_a_fragment_is_a_message(self, browser, stranger, opened):
        answer = do(browser(stranger), opened(), "acknowledge", headers=HX)
        assert answer.status_code == 404
        assert answer.content.decode().strip().startswith('<div class="messages"')


class TestSeveral:
    def test_each_is_done_and_told(self, browser, ana, opened):
        first, second, third = opened(), opened(), opened()
        do(browser(ana), second, "acknowledge")
        client = browser(ana)
        answer = client.post(BULK, {"action": "acknowledge", "incident": [i.public_id for i in (first, second, third)]})
        assert set(Incident.objects.values_list("status", flat=True)) == {Status.ACKNOWLEDGED}
        assert f"{second.name}: Incident already acknowledged." in told(answer)
        assert f"{first.name}, {third.name} acknowledged." in told(answer)

    def test_resolving_and_snoozing_several(self, browser, ana, opened):
        pair = [opened(), opened()]
        ids = [incident.public_id for incident in pair]
        browser(ana).post(BULK, {"preset": "1h", "incident": ids, "reason": "deploy"})
        assert Incident.objects.filter(snoozed_until__isnull=False, snooze_reason="deploy").count() == 2
        browser(ana).post(BULK, {"action": "resolve", "incident": ids})
        assert Incident.objects.filter(status=Status.RESOLVED).count() == 2

    def test_others_are_not_touched(self, browser, ana, stranger, opened):
        incident = opened()
        answer = browser(stranger).post(
            BULK, {"action": "resolve", "incident": [incident.public_id, "inc-x", "nonsense"]}
        )
        assert told(answer).count("Incident not found.") == 3
        incident.refresh_from_db()
        assert incident.status == Status.OPEN

    @pytest.mark.parametrize(
        ("data", "field"),
        [
            ({"incident": ["inc-00000001"]}, "action"),
            ({"action": "close", "incident": ["inc-00000001"]}, "action"),
            ({"action": "resolve"}, "Select 1 to"),
            ({"action": "resolve", "incident": ["inc-00000001"] * 201}, "Select 1 to"),
        ],
    )
    def test_what_cannot_be_is_named(self, browser, ana, data, field):
        answer = browser(ana).post(BULK, data)
        assert answer.status_code == 400
        assert field in answer.content.decode()


class TestByHand:
    def test_opening_one(self, browser, ana, workspace):
        billing = make_service(workspace, "billing")
        page = browser(ana).get(NEW).content.decode()
        assert "billing" in page
        form = {"title": "The lift is stuck", "description": "3rd floor", "severity": "4", "service": billing.pk}
        answer = browser(ana).post(NEW, form)
        incident = Incident.objects.get()
        assert answer["Location"] == page_of(incident)
        assert (incident.title, incident.description, incident.severity, incident.service) == (
            "The lift is stuck", "3rd floor", Severity.HIGH, billing,
        )  # fmt: skip

    def test_the_service_of_the_paging_proof_is_offered_to_nobody(self, browser, ana, workspace, service):
        """What is opened on it pages a log. The default service is proposed, whatever others are called."""
        proof = make_service(workspace, "our own test", is_system=True)
        make_service(workspace, "a first one")
        for page in (NEW, "/console/incidents"):
            content = browser(ana).get(page).content.decode()
            assert "our own test" not in content
            assert content.index(service.name) < content.index("a first one") or page != NEW
        answer = browser(ana).post(NEW, {"title": "t", "description": "", "severity": "4", "service": proof.pk})
        assert answer.status_code == 422
        with pytest.raises(InvalidInput, match="none of this workspace's"):
            services.open_incident(
                actor=actor(workspace), workspace_id=workspace.pk, now=NOW, title="t", service_id=proof.pk
            )
        assert not Incident.objects.exists()

    @pytest.mark.parametrize(
        ("change", "complaint"),
        [
            ({"title": "  "}, "This field is required"),
            ({"title": "x" * 501}, "at most 500 characters"),
            ({"severity": "7"}, "Select a valid choice"),
            ({"service": "999999"}, "Select a valid choice"),
        ],
    )
    def test_a_form_that_does_not_fit_comes_back_as_it_was(self, browser, ana, workspace, service, change, complaint):
        form = {"title": "t", "description": "kept", "severity": "3", "service": service.pk, **change}
        answer = browser(ana).post(NEW, form)
        assert answer.status_code == 422
        assert complaint in answer.content.decode()
        assert "kept" in answer.content.decode()
        assert not Incident.objects.exists()

    def test_a_viewer_may_not(self, browser, viewer):
        assert browser(viewer).get(NEW).status_code == 403
        assert browser(viewer).post(NEW, {"title": "x"}).status_code == 403

    def test_services_are_those_of_workspaces_where_one_may(self, browser, ana, workspace):
        seen_only = make_workspace()
        Membership.objects.create(user=ana, workspace=seen_only, role=Role.VIEWER.value)
        there = make_service(seen_only, "not-for-ana")
        make_service(make_workspace(), "unknown-to-ana")
        page = browser(ana).get(NEW).content.decode()
        assert "not-for-ana" not in page
        assert "unknown-to-ana" not in page
        assert browser(ana).post(NEW, {"title": "x", "severity": "3", "service": there.pk}).status_code == 422
        assert Service.objects.filter(workspace=workspace).exists()


def test_a_reopen_while_a_newer_one_is_live_names_it(browser, ana, opened, workspace, now):
    older = opened(dedup_key="k")
    services.resolve(actor=actor(workspace), incident_id=older.pk, now=now)
    newer = opened(dedup_key="k")
    assert newer.name in told(do(browser(ana), older, "reopen"))
