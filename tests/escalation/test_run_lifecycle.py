"""The transition table of runs, cell by cell: total, literal, and what the services write."""

from __future__ import annotations

from itertools import product

import pytest

from aiops.access.actors import SYSTEM
from incidents.core.events import IncidentFact
from incidents.models import Incident
from notifications.choices import RunState, WakeReason
from notifications.escalation.lifecycle import COLUMNS, DEMANDS, RISES, TABLE, Due, RunEvent
from notifications.escalation.services import runs
from notifications.models import EscalationRun
from tests.factories import minutes
from tests.world import World

LEASE = 30  # minutes
# What people rely on, told by hand: event → the state afterwards and when it is due, from each of the six states in their order.
A, H, P, X, S, E = (
    RunState.ACTIVE, RunState.ACKNOWLEDGED, RunState.PAUSED, RunState.EXHAUSTED, RunState.STOPPED, RunState.ENDED
)  # fmt: skip
PROMISED: dict[RunEvent, str] = {
    RunEvent.OPENED: "stay stay stay stay stay stay",
    RunEvent.TAKEN: "H/lease stay H/lease H/lease H/lease stay",
    RunEvent.ACTED: "stay H/lease stay stay stay stay",
    RunEvent.OWNER_RAISED: "A/keep H/lease P/keep X/keep S/keep stay",
    RunEvent.GIVEN_BACK: "stay A/now stay A/now A/now stay",
    RunEvent.SNOOZED: "P/never P/never P/never P/never P/never stay",
    RunEvent.SUPPRESSED: "P/never P/never P/never P/never P/never stay",
    RunEvent.UNSNOOZED: "stay A/now A/now A/now A/now stay",
    RunEvent.UNSNOOZED_HELD: "H/lease stay H/lease H/lease H/lease stay",
    RunEvent.UNSUPPRESSED: "stay A/now A/now A/now A/now stay",
    RunEvent.UNSUPPRESSED_HELD: "H/lease stay H/lease H/lease H/lease stay",
    RunEvent.SEVERITY_RAISED: "A/now H/now P/now A/now A/now stay",
    RunEvent.PRIORITY_RAISED: "A/now H/now P/now A/now A/now stay",
    RunEvent.PRIORITY_LOWERED: "stay stay stay stay A/now stay",
    RunEvent.ESCALATED: "A/now H/now P/now A/now A/now stay",
    RunEvent.TAKEN_BACK: "H/never H/never P/never H/never H/never E/never",
    RunEvent.NOTIFIED: "A/at A/at A/at A/at A/at E/never",
    RunEvent.WAITS: "A/at A/at A/at A/at A/at E/never",
    RunEvent.RAN_OUT: "X/never X/never X/never X/never X/never E/never",
    RunEvent.STOPPED: "S/never S/never S/never S/never S/never E/never",
    RunEvent.UNREACHED: "A/now stay stay stay stay stay",
    RunEvent.ENDED: "E/never E/never E/never E/never E/never E/never",
    RunEvent.FOUND_LOST: "A/now A/now A/now A/now A/now A/now",
    RunEvent.FOUND_HELD: "H/lease H/lease H/lease H/lease H/lease H/lease",
    RunEvent.POLICY_CHANGED: "stay stay stay stay stay stay",
}
LETTERS = {A: "A", H: "H", P: "P", X: "X", S: "S", E: "E"}


def test_every_state_meets_every_event() -> None:
    assert set(TABLE) == set(product([None, *RunState], RunEvent))
    assert set(COLUMNS) == {None, *RunState}


@pytest.mark.parametrize("event", RunEvent)
def test_the_cells_are_what_is_promised(event: RunEvent) -> None:
    cells = [TABLE[state, event] for state in (A, H, P, X, S, E)]

    assert (
        " ".join("stay" if cell is None else f"{LETTERS[cell.state]}/{cell.due}" for cell in cells) == PROMISED[event]
    )


def test_only_what_asks_for_people_begins_a_run_where_there_is_none() -> None:
    begins = {event for event in RunEvent if TABLE[None, event] is not None}

    assert begins == {
        RunEvent.OPENED, RunEvent.SEVERITY_RAISED, RunEvent.PRIORITY_RAISED, RunEvent.ESCALATED, RunEvent.FOUND_LOST
    }  # fmt: skip


@pytest.mark.parametrize("event", RunEvent)
def test_a_run_that_has_ended_stays_so_unless_the_auditor_finds_its_incident_alive(event: RunEvent) -> None:
    cell = TABLE[E, event]

    assert cell is None or cell.state == E or event in (RunEvent.FOUND_LOST, RunEvent.FOUND_HELD)


THE_SWEEPS_OWN = (RunEvent.NOTIFIED, RunEvent.WAITS)  # the move says when they are due
WRITTEN = [e for e in RunEvent if e not in THE_SWEEPS_OWN and any(TABLE[state, e] is not None for state in RunState)]


@pytest.mark.parametrize("event", WRITTEN)
def test_what_is_written_is_what_the_table_says(world: World, event: RunEvent) -> None:
    world.levels("ana", acknowledge_minutes=LEASE)
    before, now = world.now + minutes(7), world.now + minutes(1)
    ids = {}
    for state in RunState:
        ids[state] = world.fire(state).pk
        EscalationRun.objects.filter(incident=ids[state]).update(
            state=state, next_step_at=before, wake=WakeReason.LEASE
        )

    moved = runs._apply(event, ids.values(), now)

    for state in RunState:
        after, cell = world.run(state), TABLE[state, event]
        assert (ids[state] in moved) == (cell is not None)
        if cell is None:
            assert (after.state, after.next_step_at) == (state, before)
            continue
        due = {Due.NOW: now, Due.LEASE: now + minutes(LEASE), Due.NEVER: None, Due.KEEP: before}[cell.due]
        assert (after.state, after.next_step_at, after.wake) == (cell.state, due, cell.wake or WakeReason.LEASE)
        assert (after.risen, after.forced) == (event in RISES, event in DEMANDS)
        assert (after.announced_at is None) == (event in RISES)
        assert (after.anew_at == now) == cell.anew
    world.phone("ana").read_all()


@pytest.mark.parametrize("event", [RunEvent.GIVEN_BACK, RunEvent.SEVERITY_RAISED, RunEvent.PRIORITY_RAISED])
def test_what_was_asked_by_hand_and_not_done_yet_stays_asked(world: World, event: RunEvent) -> None:
    world.levels("ana")
    world.fire("cpu")
    world.phone("ana").read_all()
    EscalationRun.objects.update(state=H, wake=WakeReason.ESCALATED, next_step_at=None)

    runs._apply(event, [world.incident("cpu").pk], world.now)

    assert (world.run("cpu").wake, world.run("cpu").next_step_at) == (WakeReason.ESCALATED, world.now)
    EscalationRun.objects.update(state=E, next_step_at=None)


def test_a_note_does_not_put_off_what_is_due_at_once(world: World) -> None:
    world.levels("ana", acknowledge_minutes=LEASE)
    world.fire("cpu")
    world.phone("ana").read_all()
    EscalationRun.objects.update(state=H, wake=WakeReason.SEVERITY_RAISED, next_step_at=world.now)

    assert runs._apply(RunEvent.ACTED, [world.incident("cpu").pk], world.now) == {}
    EscalationRun.objects.update(state=E, next_step_at=None)


def test_a_whole_storm_is_one_statement_and_one_more_where_nobody_was_to_hear_before(
    world: World, django_assert_num_queries: object
) -> None:
    world.levels("ana")
    for n in range(5):
        world.fire(f"n{n}")
    world.phone("ana").read_all()
    facts = [
        IncidentFact(
            incident_id=incident.pk,
            workspace_id=incident.workspace_id,
            service_id=incident.service_id,
            severity=incident.severity,
            actor=SYSTEM.ref,
        )
        for incident in Incident.objects.all()
    ]

    with django_assert_num_queries(1):  # type: ignore[operator]
        runs.urge(facts, world.now, RunEvent.SEVERITY_RAISED)

    assert EscalationRun.objects.filter(risen=True, next_step_at=world.now).count() == 5
    EscalationRun.objects.all().delete()
    with django_assert_num_queries(1):  # type: ignore[operator]  # the INSERT goes past Django's count
        runs.urge(facts, world.now, RunEvent.SEVERITY_RAISED)
    assert EscalationRun.objects.filter(wake=WakeReason.OPENED, next_step_at=world.now).count() == 5
    EscalationRun.objects.update(state=E, next_step_at=None)
