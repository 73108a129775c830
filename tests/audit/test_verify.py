"""What ``verify_audit`` finds, cell by cell, and that it finds nothing where nothing is wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction
from pytest_django import Settings

from aiops.access.models import Workspace
from aiops.audit import chain
from aiops.audit.models import AuditEvent, AuditSeal
from aiops.audit.verifying import Fault, verify
from tests.audit.conftest import write
from tests.factories import NOW, make_workspace

pytestmark = pytest.mark.django_db
Tamper = Callable[[str], None]


@pytest.fixture
def events(workspace: Workspace) -> list[AuditEvent]:
    """Five sealed events of one workspace; what happened while it was set up is sealed before."""
    chain.seal_all(NOW)
    made = [write(workspace, f"name {n}") for n in range(5)]
    chain.seal_all(NOW)
    return made


def faults() -> list[Fault]:
    return [finding.fault for finding in verify(NOW).findings]


def place(event: AuditEvent) -> int:
    position = AuditSeal.objects.get(event=event).position
    assert position is not None
    return position


def test_a_whole_chain_has_nothing_to_find(events: list[AuditEvent]) -> None:
    report = verify(NOW)
    assert report.findings == []
    assert report.waiting == 0
    assert report.events == AuditEvent.objects.count() >= 5


def test_positions_have_no_holes_and_each_workspace_counts_its_own(workspace: Workspace) -> None:
    other = make_workspace()
    for whose in (workspace, other, workspace, None, other, workspace):
        write(whose)
    assert chain.seal_all(NOW) >= 6
    for number in (workspace.pk, other.pk, 0):
        places = list(AuditSeal.objects.filter(chain=number).order_by("position").values_list("position", flat=True))
        assert places == list(range(1, len(places) + 1))
    assert AuditSeal.objects.filter(chain=other.pk).count() == 2
    assert faults() == []


def test_batches_follow_each_other(workspace: Workspace) -> None:
    for _ in range(7):
        write(workspace)
    while chain.seal_batch(NOW, limit=3):
        pass
    assert faults() == []


@pytest.mark.parametrize(
    "change",
    [
        "verb = 'service.delete'",
        "actor_label = 'somebody else'",
        "actor_id = '99'",
        "actor_role = 'admin'",
        "object_name = 'another'",
        "object_id = '8'",
        "incident_id = 5",
        "before = NULL",
        """after = '{"name": "innocent"}'""",
        "at = at + interval '1 microsecond'",
        "address = '10.0.0.1'",
        "user_agent = 'curl'",
        "door = 'timer'",
        "namespace = 'production'",
    ],
)
def test_a_changed_event_is_found(events: list[AuditEvent], tamper: Tamper, change: str) -> None:
    tamper(f"UPDATE audit_auditevent SET {change} WHERE id = {events[2].pk}")
    assert faults() == [Fault.CHANGED]
    assert verify(NOW).findings[0].position == place(events[2])


def test_an_event_that_changed_its_workspace_is_found(events: list[AuditEvent], tamper: Tamper) -> None:
    tamper(f"UPDATE audit_auditevent SET workspace_id = 999999 WHERE id = {events[2].pk}")
    assert faults() == [Fault.CHANGED]


def test_a_changed_seal_is_found_there_and_by_the_one_after_it(events: list[AuditEvent], tamper: Tamper) -> None:
    tamper(f"UPDATE audit_auditseal SET hash = repeat('a', 64) WHERE event_id = {events[2].pk}")
    assert sorted(faults()) == [Fault.CHANGED, Fault.REORDERED]


def test_a_missing_event_is_found(events: list[AuditEvent], tamper: Tamper) -> None:
    tamper(f"DELETE FROM audit_auditevent WHERE id = {events[2].pk}")
    assert faults() == [Fault.MISSING]


def test_an_event_that_went_with_its_seal_is_found_by_the_hole(events: list[AuditEvent], tamper: Tamper) -> None:
    tamper(f"DELETE FROM audit_auditevent WHERE id = {events[2].pk}")
    tamper(f"DELETE FROM audit_auditseal WHERE event_id = {events[2].pk}")
    findings = verify(NOW).findings
    assert [finding.fault for finding in findings] == [Fault.MISSING]
    assert "is missing" in findings[0].text


def test_closing_the_hole_by_moving_the_rest_up_is_found(events: list[AuditEvent], tamper: Tamper) -> None:
    gone = place(events[2])
    tamper(f"DELETE FROM audit_auditevent WHERE id = {events[2].pk}")
    tamper(f"DELETE FROM audit_auditseal WHERE event_id = {events[2].pk}")
    for event in events[3:]:
        tamper(f"UPDATE audit_auditseal SET position = position - 1 WHERE event_id = {event.pk}")
    assert faults()
    assert verify(NOW).findings[0].position == gone


def test_a_lost_seal_is_found(events: list[AuditEvent], tamper: Tamper) -> None:
    tamper(f"DELETE FROM audit_auditseal WHERE event_id = {events[-1].pk}")
    findings = verify(NOW).findings
    assert [finding.fault for finding in findings] == [Fault.MISSING]
    assert "lost its seal" in findings[0].text


def test_events_that_changed_places_are_found(events: list[AuditEvent], tamper: Tamper) -> None:
    first, second = events[1].pk, events[2].pk
    places = place(events[1]), place(events[2])
    tamper(f"UPDATE audit_auditseal SET position = -1 WHERE event_id = {first}")
    tamper(f"UPDATE audit_auditseal SET position = {places[0]} WHERE event_id = {second}")
    tamper(f"UPDATE audit_auditseal SET position = {places[1]} WHERE event_id = {first}")
    found = verify(NOW).findings
    assert {finding.fault for finding in found} == {Fault.REORDERED}
    assert f"was sealed at place {places[0]} and stands at {places[1]}" in " ".join(finding.text for finding in found)


def test_seals_that_changed_events_are_found(events: list[AuditEvent], tamper: Tamper) -> None:
    first, second = events[1].pk, events[2].pk
    tamper(f"UPDATE audit_auditseal SET event_id = -1 WHERE event_id = {first}")
    tamper(f"UPDATE audit_auditseal SET event_id = {first} WHERE event_id = {second}")
    tamper(f"UPDATE audit_auditseal SET event_id = {second} WHERE event_id = -1")
    assert faults() == [Fault.REORDERED, Fault.REORDERED]


def test_an_event_slipped_in_without_the_key_is_found(events: list[AuditEvent], settings: Settings) -> None:
    ours, settings.SECRET_KEY = settings.SECRET_KEY, "somebody else's"
    write(Workspace.objects.get(pk=events[0].workspace_id))
    chain.seal_all(NOW)
    settings.SECRET_KEY = ours
    assert faults() == [Fault.UNKNOWN_KEY]


def test_after_a_change_of_keys_the_old_seals_still_hold(workspace: Workspace, settings: Settings) -> None:
    write(workspace)
    chain.seal_all(NOW)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "a new one"
    write(workspace)
    chain.seal_all(NOW)
    settings.AIOPS_AUDIT_KEYS = ["a key of its own"]
    write(workspace)
    chain.seal_all(NOW)
    settings.AIOPS_AUDIT_KEYS = ["another", "a key of its own"]
    write(workspace)
    chain.seal_all(NOW)
    assert faults() == []
    assert AuditSeal.objects.order_by().values("key_id").distinct().count() == 4


def test_an_event_that_waits_too_long_for_its_seal_is_told(workspace: Workspace) -> None:
    chain.seal_all(NOW)
    write(workspace)
    report = verify(NOW + timedelta(minutes=1))
    assert (report.waiting, report.findings) == (1, [])
    assert Fault.UNSEALED in [finding.fault for finding in verify(NOW + timedelta(hours=2)).findings]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditevent SET verb = 'x'",
        "DELETE FROM audit_auditevent",
        "UPDATE audit_auditseal SET hash = ''",
        "DELETE FROM audit_auditseal",
    ],
)
def test_the_database_refuses_to_change_what_is_recorded(events: list[AuditEvent], statement: str) -> None:
    with pytest.raises(DatabaseError, match="only ever added"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert faults() == []


def test_the_command_says_that_all_is_whole(events: list[AuditEvent]) -> None:
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert "all whole" in out.getvalue()
    assert AuditSeal.objects.get(event=events[-1]).hash in out.getvalue()


def test_the_command_says_what_is_wrong_and_fails(events: list[AuditEvent], tamper: Tamper) -> None:
    tamper(f"UPDATE audit_auditevent SET verb = 'x' WHERE id = {events[2].pk}")
    out = StringIO()
    with pytest.raises(CommandError, match="1 findings in") as failure:
        call_command("verify_audit", stdout=out)
    assert failure.value.returncode == 1
    assert (
        f"CHANGED ({Workspace.objects.get(pk=events[0].workspace_id).slug}, place {place(events[2])})" in out.getvalue()
    )
