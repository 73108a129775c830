"""Every periodic task: one broken row costs only itself, is remembered, and becomes an incident when it lasts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection

from aiops.access.actors import SYSTEM
from aiops.audit import chain
from aiops.audit.models import AuditEvent, AuditSeal
from aiops.audit.recording import Object, record
from aiops.celery import beat_schedule
from incidents import tasks as core_tasks
from incidents.choices import Severity, SourceKind
from incidents.models import DeadLetter, Incident, Trouble
from incidents.response.services import timers
from incidents.upkeep.services import upkeep
from incidents.upkeep.services.upkeep import Subject
from notifications.escalation.services import steps, unreachable
from notifications.models import (
    EscalationRun,
    Layer,
    PagingProof,
    PolicyVersion,
    Schedule,
    UnreachableService,
    UsedLink,
)
from notifications.oncall.services import calendars, coverage
from notifications.oncall.services.schedules import ScheduleDraft, create_schedule
from notifications.watch.services import auditor, heartbeat, proof, retention
from tests.factories import NOW, make_service, make_workspace
from tests.oncall.conftest import day_layer
from tests.world import World

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def poison(table: str, verb: str, condition: str) -> None:
    """The database refuses to *verb* one row of a table, as a constraint that was forgotten would."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE OR REPLACE FUNCTION poison_{table}() RETURNS trigger AS $$ BEGIN RAISE 'poisoned \x01 row'; END $$ "
            f"LANGUAGE plpgsql"
        )
        cursor.execute(
            f"CREATE TRIGGER poison BEFORE {verb} ON {table} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION poison_{table}()"
        )


def sweep(world: World) -> None:
    world.levels("ana")
    bad, good = world.fire("bad"), world.fire("good")
    Incident.objects.update(snoozed_until=NOW + MINUTE)
    poison("incidents_incident", "UPDATE", f"OLD.id = {bad.pk}")
    assert timers.wake_snoozed(NOW + 2 * MINUTE) == 1
    assert Incident.objects.get(pk=good.pk).snoozed_until is None
    assert Incident.objects.get(pk=bad.pk).snoozed_until is not None


def housekeeping(world: World) -> None:
    for _ in range(2):
        DeadLetter.objects.create(
            workspace=world.workspace, source_kind=SourceKind.WEBHOOK, received_at=NOW - 90 * DAY, error="x", raw=b""
        )
    Session.objects.create(session_key="old", session_data="", expire_date=NOW - 90 * DAY)
    poison("incidents_deadletter", "DELETE", "true")
    core_tasks.housekeeping()
    assert DeadLetter.objects.count() == 2 and not Session.objects.exists()


def seal(world: World) -> None:
    chain.seal_all(NOW)
    for name in ("bad", "good"):
        record("service.update", actor=SYSTEM, object=Object("service", "1", name, world.workspace.pk))
    good, bad = AuditEvent.objects.order_by("-pk")[:2]
    poison("audit_auditseal", "UPDATE", f"OLD.event_id = {bad.pk}")
    core_tasks.seal()
    assert Trouble.objects.get().key == "seal:audit"
    assert [AuditSeal.objects.get(event=event).position is None for event in (bad, good)] == [True, False]


def page(world: World) -> None:
    world.levels("ana", "bo")
    bad, good = world.fire("bad"), world.fire("good")
    run = EscalationRun.objects.get(incident=bad)
    poison("notifications_escalationrun", "UPDATE", f"OLD.id = {run.pk}")
    assert steps.run_due(NOW + 16 * MINUTE) == 1
    assert EscalationRun.objects.get(incident=good).level == 1
    told = Incident.objects.get(signal_type="upkeep")
    assert told.severity == Severity.CRITICAL and bad.name in told.title


def paging_housekeeping(world: World) -> None:
    UsedLink.objects.create(digest="x", used_at=NOW - 90 * DAY, used_by="")
    PagingProof.objects.create(workspace=world.workspace, started_at=NOW - 90 * DAY)
    poison("notifications_usedlink", "DELETE", "true")
    retention.forget_old(NOW)
    assert UsedLink.objects.exists() and not PagingProof.objects.exists()


def watch_coverage(world: World) -> None:
    bad, good = _schedules(world)
    Layer.objects.filter(schedule=bad).update(restrictions=[{"from": "never"}])
    assert coverage.watch(NOW) == 1
    assert Incident.objects.get(signal_type="oncall_gap").title.startswith(f"Nobody is on call: {good.name}")


def import_calendars(world: World) -> None:
    bad, good = _schedules(world)
    for schedule in (bad, good):
        calendars.set_import(actor=SYSTEM, schedule_id=schedule.pk, url="https://10.0.0.1/a.ics")
    poison("notifications_schedule", "UPDATE", f"OLD.id = {bad.pk}")
    calendars.import_due(NOW)
    assert Schedule.objects.get(pk=bad.pk).import_error == ""
    assert "internal network" in Schedule.objects.get(pk=good.pk).import_error


def audit(world: World) -> None:
    world.levels("ana")
    bad, good = world.fire("bad"), world.fire("good")
    EscalationRun.objects.update(next_step_at=None)
    poison("notifications_escalationrun", "UPDATE", f"OLD.incident_id = {bad.pk}")
    assert len(auditor.audit(NOW + 10 * MINUTE)) == 2
    assert EscalationRun.objects.get(incident=good).next_step_at is not None
    assert EscalationRun.objects.get(incident=bad).next_step_at is None


def prove(world: World) -> None:
    settled = [PagingProof.objects.create(workspace=world.workspace, started_at=NOW - DAY) for _ in range(2)]
    poison("notifications_pagingproof", "UPDATE", f"OLD.id = {settled[0].pk}")
    proof.prove(NOW)
    assert [PagingProof.objects.get(pk=one.pk).failed_at for one in settled] == [None, NOW]


def beat_heart(world: World) -> None:
    assert heartbeat.beat(NOW) is False  # one address, of the installation: there are no others


def find_unreachable(world: World) -> None:
    world.person("ana", phone=False)
    policy = world.policy({"targets": ["ana"]})
    PolicyVersion.objects.filter(policy=policy).update(definition={"steps": "broken"})
    lonely = make_service(make_workspace())
    unreachable.sweep(NOW)
    assert UnreachableService.objects.get().service == lonely


def _schedules(world: World) -> tuple[Schedule, Schedule]:
    from_tomorrow = day_layer(world.person("ana"), starts_at=NOW + DAY)
    drafts = [ScheduleDraft(name=name, layers=[from_tomorrow]) for name in ("Bad", "Good")]
    made = [create_schedule(actor=SYSTEM, workspace_id=world.workspace.pk, draft=draft, now=NOW) for draft in drafts]
    return made[0], made[1]


PROOFS: dict[str, Callable[[World], None]] = {
    "incidents.tasks.sweep": sweep,
    "incidents.tasks.housekeeping": housekeeping,
    "incidents.tasks.seal": seal,
    "notifications.tasks.page": page,
    "notifications.tasks.housekeeping": paging_housekeeping,
    "notifications.tasks.watch_coverage": watch_coverage,
    "notifications.tasks.import_calendars": import_calendars,
    "notifications.tasks.audit": audit,
    "notifications.tasks.prove": prove,
    "notifications.tasks.beat_heart": beat_heart,
    "notifications.tasks.find_unreachable": find_unreachable,
}


def test_every_periodic_task_is_tried_with_a_broken_row() -> None:
    assert {entry["task"] for entry in beat_schedule().values()} == set(PROOFS)


@pytest.mark.parametrize("task", PROOFS)
def test_one_broken_row_costs_only_itself(world: World, task: str) -> None:
    PROOFS[task](world)
    for name in world.people:
        if name in ("ana", "bo") and task.split(".")[-1] in ("sweep", "page", "audit"):
            world.phone(name).read_all()
    if task != "notifications.tasks.beat_heart":
        assert all(trouble.error for trouble in Trouble.objects.all()) and Trouble.objects.exists()


def _fail(item: str) -> None:
    if item == "bad":
        raise ValueError("a NUL \x00, half a pair \ud800 and " + "x" * 9000)


def test_what_fails_for_a_day_becomes_an_incident_that_ends_when_it_is_well(world: World) -> None:
    seen: list[str] = []

    def of(item: str) -> Subject:
        return Subject(f"test:{item}", f"The work for {item}", world.workspace.pk)

    def act(item: str) -> None:
        seen.append(item)
        _fail(item)

    for hour in (0, 12, 24, 25):
        assert upkeep.each(["good", "bad", "last"], act, of=of, now=NOW + timedelta(hours=hour)) == 2
        told = Incident.objects.filter(signal_type="upkeep")
        assert told.count() == (hour >= 24)
    assert seen == ["good", "bad", "last"] * 4
    row = Trouble.objects.get()
    assert row.error.startswith("ValueError: a NUL , half a pair") and len(row.error) == upkeep.LONGEST_ERROR
    assert "The work for bad fails since 2026-03-19 14:30 UTC" in told.get().title
    assert upkeep.each(["bad"], lambda item: None, of=of, now=NOW + 2 * DAY) == 1
    assert not Trouble.objects.exists() and not told.get().is_live


def test_what_is_not_tried_any_more_is_forgotten(world: World) -> None:
    upkeep.each(["bad"], _fail, of=lambda item: Subject(item, item), now=NOW)
    upkeep.forget_gone(NOW + DAY)
    assert Trouble.objects.exists()
    upkeep.forget_gone(NOW + 3 * DAY)
    assert not Trouble.objects.exists()
