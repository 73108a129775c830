"""Escalation runs: started and moved by events of incidents, in the transaction of the event, through the table of
``lifecycle``.

One statement for each event, whatever the number of incidents. ``handlers`` calls it with the facts of events while the
incidents are locked; ``steps`` does the runs that are due.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from django.db import connection, transaction

from aiops.access.actors import SYSTEM, ActorKind
from aiops.kernel.sql import prepared_cursor
from incidents.choices import Status
from incidents.core.events import IncidentFact
from incidents.core.models import Incident
from incidents.core.services import timeline
from incidents.core.timeline import Entry
from notifications.choices import Purpose, RunState, WakeReason
from notifications.delivery.services import deliveries, doorbell, standing_down
from notifications.delivery.timeline import PagingKind
from notifications.escalation.lifecycle import DEMANDS, OUTRANKED, RISES, TABLE, Cell, Due, RunEvent
from notifications.escalation.models import EscalationRun
from notifications.escalation.selectors.in_force import IN_FORCE, WORDS

# One run per new incident or episode, over the policy that is in force now. Without policy and routes nobody is ever told, and
# there is no run, unless somebody asks for people (*always*).
_BEGIN = f"""
INSERT INTO notifications_escalationrun
    (incident_id, workspace_id, version_id, episode, state, step, round, cycle, repeats, next_step_at, wake, started_at, anew_at,
     forced, reason)
SELECT f.incident_id, f.workspace_id, p.version_id,
    coalesce(%(episode)s::int, (SELECT i.episode FROM incidents_incident i WHERE i.id = f.incident_id)),
    %(state)s, 0, 0, 0, 0, %(now)s, %(wake)s, %(now)s, %(now)s, %(always)s, ''
FROM json_to_recordset(%(facts)s::json) AS f(incident_id bigint, workspace_id bigint, service_id bigint, severity int)
LEFT JOIN LATERAL ({IN_FORCE}) p ON true
WHERE p.version_id IS NOT NULL OR %(always)s
   OR EXISTS (SELECT FROM notifications_route r WHERE r.workspace_id = f.workspace_id AND r.enabled)
ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants of modules

_LEASE = """%(now)s + (SELECT (v.definition ->> 'acknowledge_minutes')::int * interval '1 minute'
    FROM notifications_policyversion v WHERE v.id = r.version_id)"""
_DUE = {Due.NOW: "%(now)s", Due.LEASE: _LEASE, Due.NEVER: "NULL", Due.KEEP: "r.next_step_at"}


def begin(
    facts: Sequence[IncidentFact], now: datetime, event: RunEvent = RunEvent.OPENED, episode: int | None = 0
) -> int:
    """Start a run for each incident of *facts* that has none and of which anybody is to hear; one statement.

    *episode* None: whichever the incident is in. Returns how many began.
    """
    cell = TABLE[None, event]
    assert cell is not None, event
    rows = [
        {key: getattr(fact, key) for key in ("incident_id", "workspace_id", "service_id", "severity")} for fact in facts
    ]
    values: dict[str, Any] = {
        "facts": orjson.dumps(rows).decode(), "now": now, "episode": episode, "words": WORDS, "state": str(cell.state),
        "wake": str(cell.wake), "always": event in DEMANDS,
    }  # fmt: skip
    with connection.wrap_database_errors, prepared_cursor() as cursor:
        cursor.execute(_BEGIN, values, prepare=True)
        begun = cursor.rowcount
    if begun:
        transaction.on_commit(doorbell.ring, robust=True)
    return begun


def acknowledge(facts: Sequence[IncidentFact], now: datetime) -> None:
    """Somebody has them: nobody else is paged. Where the policy says so, only for a while."""
    _apply(RunEvent.TAKEN, _ids(facts), now, held=True)
    by_whom: dict[str, list[int]] = {}
    for fact in facts:
        by_whom.setdefault(fact.actor.label, []).append(fact.incident_id)
    for label, incident_ids in by_whom.items():
        why = f"acknowledged by {label} before it was sent"
        deliveries.cancel_waiting(incident_ids, why, [Purpose.PAGE, Purpose.FALLBACK], now)
    standing_down.acknowledged(facts, now)


def renew(facts: Sequence[IncidentFact], now: datetime) -> None:
    """Whoever acknowledged did something: the acknowledgement holds for its whole time again."""
    _apply(RunEvent.ACTED, [fact.incident_id for fact in facts if fact.incident_id in _owned(facts)], now)


def pause(facts: Sequence[IncidentFact], now: datetime, reason: str, event: RunEvent = RunEvent.SNOOZED) -> None:
    """Silence: nothing is due any more, and what waits is not sent."""
    paused = _apply(event, _ids(facts), now, reason)
    deliveries.cancel_waiting(_ids(facts), reason, [Purpose.PAGE, Purpose.FALLBACK], now)
    _note(paused, PagingKind.ESCALATION_PAUSED, {"said": "Escalation paused", "reason": reason}, now)


def wake(
    facts: Sequence[IncidentFact],
    now: datetime,
    reason: str,
    event: RunEvent = RunEvent.UNSNOOZED,
    held: RunEvent = RunEvent.UNSNOOZED_HELD,
) -> None:
    """The silence is over: the level told last is told again at once. Somebody who had them before still has them (*held*)."""
    _apply(held, _ids(facts), now, held=True)
    _resumed(_apply(event, _ids(facts), now, held=False), reason, now)


def give_back(facts: Sequence[IncidentFact], now: datetime, reason: str) -> None:
    """Nobody has them any more: the level told last is told again at once, or the one that was asked for by hand."""
    _resumed(_apply(RunEvent.GIVEN_BACK, _ids(facts), now, held=False), reason, now)


def urge(facts: Sequence[IncidentFact], now: datetime, event: RunEvent) -> None:
    """They became more urgent (a rise, escalated by hand): due at once, also where somebody has them or they are asleep.

    An incident of which nobody was to hear until now begins its run. Two statements.
    """
    moved = _apply(event, _ids(facts), now)
    if moved:
        transaction.on_commit(doorbell.ring, robust=True)
    if without := [fact for fact in facts if fact.incident_id not in moved]:
        begin(without, now, event, episode=None)


def raise_priority(facts: Sequence[IncidentFact], now: datetime) -> None:
    """Their priority rose. Where whoever has the incident raised it, that is work on it, and nobody takes it from them."""
    own = _owned(facts)
    _apply(RunEvent.OWNER_RAISED, own, now)
    if others := [fact for fact in facts if fact.incident_id not in own]:
        urge(others, now, RunEvent.PRIORITY_RAISED)


def lower_priority(facts: Sequence[IncidentFact], now: datetime) -> None:
    """Their priority fell. That calls nobody, but a step that stopped the escalation may be one for the new priority."""
    if _apply(RunEvent.PRIORITY_LOWERED, _ids(facts), now):
        transaction.on_commit(doorbell.ring, robust=True)


def end(facts: Sequence[IncidentFact], now: datetime, reason: str) -> None:
    """It is over: nobody is paged any more, and everybody who was told hears it."""
    _apply(RunEvent.ENDED, _ids(facts), now, reason)
    deliveries.cancel_waiting(_ids(facts), f"{reason} before it was sent", [Purpose.PAGE, Purpose.FALLBACK], now)
    standing_down.over(facts, now)


def heal(facts: Sequence[IncidentFact], now: datetime, event: RunEvent) -> None:
    """The auditor found them: make due, or begin, what was lost sight of."""
    moved = _apply(event, _ids(facts), now)
    without = [fact for fact in facts if fact.incident_id not in moved]
    if without and TABLE[None, event] is not None:
        begin(without, now, event, episode=None)
    transaction.on_commit(doorbell.ring, robust=True)


def unreached(incident_id: int, episode: int, step: int, now: datetime) -> bool:
    """Nobody of a step can be reached: go on at once instead of waiting. True when the run was still waiting for that step."""
    cell = TABLE[RunState.ACTIVE, RunEvent.UNREACHED]
    assert cell is not None
    waits = EscalationRun.objects.filter(
        incident_id=incident_id, episode=episode, level=step, state=RunState.ACTIVE, next_step_at__gt=now
    )
    woken = waits.filter(wake__in=(WakeReason.STEP, WakeReason.EXHAUST, WakeReason.REPEAT)).update(
        state=cell.state, next_step_at=now, wake=cell.wake
    )
    if woken:
        doorbell.ring()
    return bool(woken)


def _apply(
    event: RunEvent, incident_ids: Iterable[int], now: datetime, reason: str = "", held: bool | None = None
) -> dict[int, bool]:
    """Move the runs of the incidents' current episodes as the table says. *held*: only where somebody has them now, or nobody
    (an event that is heard late, by its second chance, may no longer be so).

    Returns the incidents whose runs moved, each with whether its run has a policy.
    """
    ids = list(incident_ids)
    if not ids:
        return {}
    values: dict[str, Any] = {
        "now": now, "ids": ids, "reason": reason[:300], "any": held is None, "held": bool(held), "open": str(Status.OPEN)
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_statement(event), values)
        return dict(cursor.fetchall())


@cache
def _statement(event: RunEvent) -> str:
    """The row of the table as SQL. What was asked for by hand and not done yet outranks what tells the same level again."""
    cells = {state: cell for state in RunState if (cell := TABLE[state, event]) is not None}

    def case(say: Any) -> str:
        return "CASE r.state " + " ".join(f"WHEN '{state}' THEN {say(cell)}" for state, cell in cells.items()) + " END"

    marks = ", risen = true, announced_at = NULL" if event in RISES else ""
    marks += ", forced = true" if event in DEMANDS else ""
    states = ", ".join(f"'{state}'" for state in cells)
    only = " AND r.wake = 'lease'" if event == RunEvent.ACTED else ""  # what is due at once is not put off
    return f"""
UPDATE notifications_escalationrun r SET state = {case(lambda cell: f"'{cell.state}'")}, next_step_at = {case(_due)},
    wake = {case(_wake)}, anew_at = {case(lambda cell: "%(now)s" if cell.anew else "r.anew_at")}, reason = {case(_reason)},
    ended_at = {case(lambda cell: f"{'%(now)s' if cell.state == RunState.ENDED else 'NULL'}::timestamptz")}{marks}
FROM incidents_incident i
WHERE i.id = r.incident_id AND r.episode = i.episode AND r.incident_id = ANY(%(ids)s) AND r.state IN ({states}){only}
  AND (%(any)s OR (i.status <> %(open)s) = %(held)s)
RETURNING r.incident_id, r.version_id IS NOT NULL
"""  # noqa: S608 - words of the table


def _due(cell: Cell) -> str:
    return f"({_DUE[cell.due]})::timestamptz"


def _reason(cell: Cell) -> str:
    """Why it ended before stays known while somebody has it."""
    return "r.reason" if cell.state == RunState.ACKNOWLEDGED else "%(reason)s"


def _wake(cell: Cell) -> str:
    if cell.wake is None:
        return "r.wake"
    if cell.wake in OUTRANKED:
        return f"CASE r.wake WHEN '{WakeReason.ESCALATED}' THEN r.wake ELSE '{cell.wake}' END"
    return f"'{cell.wake}'"


def _resumed(moved: dict[int, bool], reason: str, now: datetime) -> None:
    _note(moved, PagingKind.ESCALATION_RESUMED, {"said": "Escalation goes on", "reason": reason}, now)
    if moved:
        transaction.on_commit(doorbell.ring, robust=True)


def _owned(facts: Sequence[IncidentFact]) -> set[int]:
    """The incidents that belong to the actor of their fact."""
    actors = {fact.incident_id: fact.actor.label for fact in facts if fact.actor.kind != ActorKind.SYSTEM}
    if not actors:
        return set()
    owners = Incident.objects.filter(pk__in=actors).exclude(acknowledged_by="").values_list("pk", "acknowledged_by")
    return {pk for pk, owner in owners if owner == actors[pk]}


def _ids(facts: Iterable[IncidentFact]) -> list[int]:
    return sorted({fact.incident_id for fact in facts})


def _note(moved: dict[int, bool], kind: PagingKind, data: dict[str, Any], now: datetime) -> None:
    """An entry for each incident whose run has a policy."""
    timeline.record(Entry.by(SYSTEM, pk, now, kind, data=data) for pk, has_policy in moved.items() if has_policy)
