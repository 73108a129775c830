"""What people do to an incident."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from aiops.access.actors import ActorKind, ActorRef, Role
from aiops.access.models import Workspace
from aiops.kernel import events
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted
from incidents.choices import EntryKind, Priority, Severity, Status
from incidents.core.events import IncidentEvent, IncidentFact
from incidents.core.lifecycle import TransitionRefused
from incidents.errors import NewerIncidentLive, NothingToDo
from incidents.models import Alert, Incident, TimelineEntry
from incidents.response.services import incidents
from tests.factories import NOW, actor, make_incident, make_user, make_workspace, minutes

pytestmark = pytest.mark.django_db
LATER = NOW + minutes(5)

VERBS: dict[str, Callable[..., Any]] = {
    "acknowledge": incidents.acknowledge,
    "investigate": incidents.investigate,
    "resolve": incidents.resolve,
    "close": incidents.close,
    "snooze": lambda **k: incidents.snooze(duration=timedelta(hours=1), **k),
    "add_note": lambda **k: incidents.add_note(content="checking", **k),
    "assign": lambda **k: incidents.assign(assignee=None, **k),
    "set_priority": lambda **k: incidents.set_priority(priority=Priority.P1, **k),
    "escalate": incidents.escalate,
}


@pytest.fixture
def incident(workspace: Workspace) -> Incident:
    return make_incident(workspace)


def last_entry(incident: Incident) -> TimelineEntry:
    entry = TimelineEntry.objects.filter(incident=incident).last()
    assert entry is not None
    return entry


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_writes_its_timeline_entry_and_says_who(workspace: Workspace, incident: Incident, verb: str) -> None:
    before = TimelineEntry.objects.count()
    VERBS[verb](actor=actor(workspace), incident_id=incident.pk, now=LATER)
    entry = last_entry(incident)
    assert TimelineEntry.objects.count() == before + 1
    assert (entry.at, entry.actor_label, entry.actor_kind) == (LATER, "ana", "user")
    incident.refresh_from_db()
    assert incident.updated_at == LATER


@pytest.mark.parametrize("verb", VERBS)
def test_a_viewer_may_do_nothing(workspace: Workspace, incident: Incident, verb: str) -> None:
    with pytest.raises(NotPermitted):
        VERBS[verb](actor=actor(workspace, Role.VIEWER), incident_id=incident.pk, now=LATER)


@pytest.mark.parametrize("verb", VERBS)
def test_another_workspace_does_not_even_exist(incident: Incident, verb: str) -> None:
    with pytest.raises(NotFound):
        VERBS[verb](actor=actor(make_workspace(), Role.ADMIN), incident_id=incident.pk, now=LATER)


def test_acknowledge_keeps_who_when_and_why(workspace: Workspace, incident: Incident) -> None:
    done = incidents.acknowledge(actor=actor(workspace), incident_id=incident.pk, now=LATER, by="bo", message="on it")
    assert (done.status, done.acknowledged_at, done.acknowledged_by) == ("acknowledged", LATER, "bo")
    assert done.acknowledge_message == "on it"
    entry = last_entry(incident)
    assert (entry.from_status, entry.to_status, entry.text) == ("open", "acknowledged", "on it")
    assert entry.data == {"action": "acknowledge", "by": "bo"}


def test_a_second_acknowledge_is_refused_with_the_allowed_moves(workspace: Workspace, incident: Incident) -> None:
    incidents.acknowledge(actor=actor(workspace), incident_id=incident.pk, now=LATER)
    with pytest.raises(TransitionRefused) as refusal:
        incidents.acknowledge(actor=actor(workspace), incident_id=incident.pk, now=LATER)
    assert refusal.value.data["allowed"] == ["investigate", "resolve", "close", "unacknowledge"]


def test_resolve_by_hand_keeps_how_and_frees_the_problem(workspace: Workspace, incident: Incident) -> None:
    done = incidents.resolve(actor=actor(workspace), incident_id=incident.pk, now=LATER, resolution=" Rolled back ")
    assert (done.resolved_at, done.resolved_by, done.resolved_by_hand) == (LATER, "ana", True)
    assert done.resolution == "Rolled back"
    again = make_incident(workspace, LATER + minutes(1), dedup_key=incident.dedup_key)
    assert again.pk != incident.pk


def test_closing_what_was_open_resolves_it_too(workspace: Workspace, incident: Incident) -> None:
    done = incidents.close(actor=actor(workspace), incident_id=incident.pk, now=LATER)
    assert (done.status, done.resolved_at, done.closed_at) == ("closed", LATER, LATER)


def test_reopening_begins_a_new_episode_without_stale_times(workspace: Workspace, incident: Incident) -> None:
    who = actor(workspace)
    incidents.acknowledge(actor=who, incident_id=incident.pk, now=LATER)
    incidents.resolve(actor=who, incident_id=incident.pk, now=LATER, resolution="fixed")
    done = incidents.reopen(actor=who, incident_id=incident.pk, now=LATER + minutes(1))
    assert (done.status, done.episode) == ("open", 1)
    assert (done.acknowledged_at, done.resolved_at, done.resolution, done.acknowledged_by) == (None, None, "", "")


def test_reopening_is_refused_while_a_newer_one_is_live_and_names_it(workspace: Workspace, incident: Incident) -> None:
    incidents.resolve(actor=actor(workspace), incident_id=incident.pk, now=LATER)
    newer = make_incident(workspace, LATER, dedup_key=incident.dedup_key)
    with pytest.raises(NewerIncidentLive) as refusal:
        incidents.reopen(actor=actor(workspace), incident_id=incident.pk, now=LATER)
    assert newer.name in refusal.value.message


@pytest.mark.parametrize("duration", [timedelta(0), timedelta(seconds=-1), timedelta(hours=720, seconds=1)])
def test_a_snooze_is_over_nothing_and_at_most_720_hours(
    workspace: Workspace, incident: Incident, duration: timedelta
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        incidents.snooze(actor=actor(workspace), incident_id=incident.pk, now=LATER, duration=duration)
    assert refusal.value.field == "duration"


def test_a_snooze_leaves_the_status_alone_and_ends_with_the_incident(workspace: Workspace, incident: Incident) -> None:
    who = actor(workspace)
    done = incidents.snooze(
        actor=who, incident_id=incident.pk, now=LATER, duration=timedelta(hours=720), reason="known"
    )
    assert (done.status, done.snoozed_until, done.snooze_reason) == ("open", LATER + timedelta(hours=720), "known")
    assert incidents.resolve(actor=who, incident_id=incident.pk, now=LATER).snoozed_until is None
    with pytest.raises(NothingToDo):
        incidents.snooze(actor=who, incident_id=incident.pk, now=LATER, duration=timedelta(hours=1))


def test_waking_what_is_not_snoozed_is_refused(workspace: Workspace, incident: Incident) -> None:
    with pytest.raises(NothingToDo):
        incidents.unsnooze(actor=actor(workspace), incident_id=incident.pk, now=LATER)


def test_change_status_finds_the_way_or_says_what_is_allowed(workspace: Workspace, incident: Incident) -> None:
    who = actor(workspace)
    done = incidents.change_status(actor=who, incident_id=incident.pk, wanted=Status.INVESTIGATING, now=LATER)
    assert done.acknowledged_at == LATER, "whoever investigates has acknowledged"
    assert incidents.change_status(actor=who, incident_id=incident.pk, wanted=Status.OPEN, now=LATER).episode == 0
    with pytest.raises(TransitionRefused):
        incidents.change_status(actor=who, incident_id=incident.pk, wanted=Status.OPEN, now=LATER)


def test_escalation_is_sticky_until_the_next_episode(workspace: Workspace, incident: Incident) -> None:
    who = actor(workspace)
    incidents.escalate(actor=who, incident_id=incident.pk, now=LATER, reason="need the DBA")
    again = incidents.escalate(actor=who, incident_id=incident.pk, now=LATER + timedelta(minutes=1))
    assert again.escalated_at == LATER, "each time goes a level on; since when stays"
    assert incidents.resolve(actor=who, incident_id=incident.pk, now=LATER).escalated_at == LATER
    assert incidents.reopen(actor=who, incident_id=incident.pk, now=LATER).escalated_at is None


def test_only_members_can_be_assigned(workspace: Workspace, incident: Incident) -> None:
    with pytest.raises(InvalidInput):
        incidents.assign(actor=actor(workspace), incident_id=incident.pk, now=LATER, assignee=make_user())
    member = make_user(workspace=workspace)
    done = incidents.assign(actor=actor(workspace), incident_id=incident.pk, now=LATER, assignee=member)
    assert done.assignee == member


@pytest.mark.parametrize("content", ["", "  \n", "x" * 20_001])
def test_a_note_is_a_text_of_reasonable_length(workspace: Workspace, incident: Incident, content: str) -> None:
    with pytest.raises(InvalidInput):
        incidents.add_note(actor=actor(workspace), incident_id=incident.pk, now=LATER, content=content)


def test_an_incident_opened_by_hand_is_one_like_any_other(workspace: Workspace) -> None:
    opened = incidents.open_incident(
        actor=actor(workspace), workspace_id=workspace.pk, now=NOW, title="Phones are down", severity=Severity.HIGH
    )
    twin = incidents.open_incident(actor=actor(workspace), workspace_id=workspace.pk, now=NOW, title="Phones are down")
    assert opened.pk != twin.pk
    assert (opened.severity, opened.source_name, opened.service.is_default) == (Severity.HIGH, "ana", True)
    assert Alert.objects.filter(incident=opened).count() == 1


def test_what_happens_is_published_inside_the_transaction(workspace: Workspace, incident: Incident) -> None:
    heard: list[Any] = []

    def handler(facts: Any, now: Any) -> None:
        heard.extend(facts)

    events.subscribe(IncidentEvent.RESOLVED, handler)
    try:
        incidents.resolve(actor=actor(workspace), incident_id=incident.pk, now=LATER)
    finally:
        events.unsubscribe(IncidentEvent.RESOLVED, handler)
    assert heard == [
        IncidentFact(
            incident_id=incident.pk,
            workspace_id=workspace.pk,
            service_id=incident.service_id,
            severity=incident.severity,
            actor=ActorRef(ActorKind.USER, "ana", "ana"),
        )
    ]


def test_the_way_of_an_incident_is_all_in_its_timeline(workspace: Workspace, incident: Incident) -> None:
    who = actor(workspace)
    for verb in (incidents.acknowledge, incidents.unacknowledge, incidents.resolve, incidents.close, incidents.reopen):
        verb(actor=who, incident_id=incident.pk, now=LATER)
    moves = TimelineEntry.objects.filter(kind=EntryKind.STATUS_CHANGED).values_list("from_status", "to_status")
    assert list(moves) == [
        ("open", "acknowledged"),
        ("acknowledged", "open"),
        ("open", "resolved"),
        ("resolved", "closed"),
        ("closed", "open"),
    ]
