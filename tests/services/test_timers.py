"""What happens by itself: snoozes end, resolved incidents close, failed reactions are tried again, partitions come and go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from aiops.access.models import Workspace
from aiops.kernel import events
from aiops.kernel.sql import prepared_cursor
from incidents.choices import EntryKind, Status
from incidents.core.events import IncidentEvent
from incidents.core.services import reactions
from incidents.ingest.services import partitions
from incidents.models import Alert, Incident, PendingReaction, TimelineEntry
from incidents.response.services import incidents, timers
from tests.factories import NOW, actor, fire, make_incident, make_route, minutes

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def incident(workspace: Workspace) -> Incident:
    return make_incident(workspace)


def test_a_snooze_ends_at_its_time_not_before(workspace: Workspace, incident: Incident) -> None:
    incidents.snooze(actor=actor(workspace), incident_id=incident.pk, now=NOW, duration=HOUR)
    assert timers.wake_snoozed(NOW + HOUR - timedelta(seconds=1)) == 0
    assert timers.wake_snoozed(NOW + HOUR) == 1
    assert timers.wake_snoozed(NOW + HOUR) == 0
    incident.refresh_from_db()
    assert incident.snoozed_until is None
    entry = TimelineEntry.objects.filter(kind=EntryKind.UNSNOOZED).get()
    assert (entry.actor_label, entry.at) == ("system", NOW + HOUR)


def test_resolved_incidents_close_after_their_time(workspace: Workspace, incident: Incident) -> None:
    incidents.resolve(actor=actor(workspace), incident_id=incident.pk, now=NOW)
    assert timers.close_resolved(NOW + HOUR - timedelta(seconds=1), HOUR) == 0
    assert timers.close_resolved(NOW + HOUR, timedelta(0)) == 0, "zero means never"
    assert timers.close_resolved(NOW + HOUR, HOUR) == 1
    incident.refresh_from_db()
    assert (incident.status, incident.closed_at, incident.resolved_at) == (Status.CLOSED, NOW + HOUR, NOW)
    last = TimelineEntry.objects.filter(incident=incident).last()
    assert last is not None
    assert (last.from_status, last.to_status, last.actor_kind) == ("resolved", "closed", "system")


def test_a_sweep_of_many_costs_what_a_sweep_of_one_costs(
    workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        made = make_incident(workspace)
        incidents.snooze(actor=actor(workspace), incident_id=made.pk, now=NOW, duration=HOUR)
    with django_assert_max_num_queries(10):  # four of them resume the escalations
        assert timers.wake_snoozed(NOW + HOUR) == 20


def write_and_look() -> None:
    Incident.objects.create(pk=1, title=None)


def write_and_go_on() -> None:
    """What is sent without waiting for its result fails only later."""
    with prepared_cursor() as cursor:
        cursor.execute("INSERT INTO incidents_incident (id) VALUES (1)")


@pytest.mark.parametrize("fails", [write_and_look, write_and_go_on])
def test_a_failed_reaction_undoes_nothing_and_is_tried_again(workspace: Workspace, fails: Callable[[], None]) -> None:
    heard: list[Any] = []
    broken = True

    def handler(facts: Any, now: Any) -> None:
        if broken:
            fails()  # poisons its savepoint, not the ingest
        else:
            heard.extend(facts)

    events.subscribe(IncidentEvent.OPENED, handler)
    try:
        outcome = fire(make_route(workspace))
        assert Incident.objects.filter(pk=outcome.incident_id).exists()
        pending = PendingReaction.objects.get()
        assert "NotNullViolation" in pending.error or "IntegrityError" in pending.error
        assert reactions.retry_due(NOW) == 0, "not due yet"
        assert reactions.retry_due(NOW + minutes(1)) == 0, "still broken"
        broken = False
        assert reactions.retry_due(NOW + minutes(1) + HOUR) == 1
    finally:
        events.unsubscribe(IncidentEvent.OPENED, handler)
    assert [fact.incident_id for fact in heard] == [outcome.incident_id]
    assert not PendingReaction.objects.exists()


def test_partitions_are_made_ahead_and_dropped_after_their_time() -> None:
    long_ago = NOW - timedelta(days=200)
    made, _ = partitions.maintain(long_ago, timedelta(days=90))
    assert len(made) == 5
    again, dropped = partitions.maintain(NOW, timedelta(days=90))
    assert len(again) == 5
    assert dropped == made
    assert partitions.maintain(NOW, timedelta(days=90)) == ([], [])


def test_alerts_land_in_their_week_and_strays_in_the_default(workspace: Workspace) -> None:
    partitions.maintain(NOW, timedelta(days=90))
    route = make_route(workspace)
    fire(route)
    fire(route, NOW - timedelta(days=30))
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM incidents_alert ORDER BY received_at")
        assert [row[0] for row in cursor.fetchall()] == ["incidents_alert_default", "incidents_alert_20260316"]
    assert Alert.objects.count() == 2
    partitions.maintain(NOW, timedelta(days=7))
    assert Alert.objects.count() == 1, "retention holds in the default partition too"
