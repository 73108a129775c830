"""What an escalation does next, as rows, pages and messages say it. A constant number of queries for any number of incidents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from aiops.kernel.sql import CompiledQuery, Given
from incidents.choices import LIVE, Priority, Severity
from incidents.console.next_step import NextStep
from notifications.choices import RunState, Wake
from notifications.definition import Definition, Target
from notifications.escalation import Facts, Move, next_move
from notifications.models import EscalationRun
from notifications.services.targets import Book

NAMED = 2  # people that a line names; the rest is counted
SHOWN = (RunState.ACTIVE, RunState.ACKNOWLEDGED, RunState.EXHAUSTED)


@dataclass(frozen=True, slots=True)
class _Next:
    """A run, its policy, and the move that it makes when its time comes (None: it is due for another reason)."""

    run: EscalationRun
    definition: Definition
    move: Move | None


_runs = CompiledQuery(
    lambda: EscalationRun.objects.filter(
        incident_id__any_of=Given("incidents"),
        episode=F("incident__episode"),
        incident__status__in=LIVE,
        version__isnull=False,
        state__in=SHOWN,
    ).select_related("version", "incident")
)


def next_steps(incident_ids: Sequence[int], now: datetime) -> dict[int, NextStep]:
    """Per incident whose escalation goes on, what is next: ``pages Bo`` and when. The loader of the slot ``incident.next``."""
    foreseen = [_foresee(run) for run in _runs(incidents=list(incident_ids))]
    wanted: set[Target] = set()
    for it in foreseen:
        if it.move is not None and it.move.tell is not None:
            wanted.update(it.definition.steps[it.move.tell].targets)
    until = max((it.run.next_step_at for it in foreseen if it.run.next_step_at), default=now)
    book = Book(wanted, now, max(now, until)) if wanted else None
    found = {it.run.incident_id: _said(it, book, now) for it in foreseen}
    return {pk: step for pk, step in found.items() if step is not None}


def spoken(incident_ids: Sequence[int], now: datetime) -> dict[int, str]:
    """The same for a message, which does not tick: ``pages Bo in 15 min``."""
    return {pk: f"{step.text}{_in(step.at, now)}" for pk, step in next_steps(incident_ids, now).items()}


def _foresee(run: EscalationRun) -> _Next:
    assert run.version is not None
    definition = Definition.of_json(run.version.definition)
    if run.state != RunState.ACTIVE or run.next_step_at is None:
        return _Next(run, definition, None)
    facts = Facts(Severity(run.incident.severity), Priority(run.incident.priority), run.started_at)
    return _Next(run, definition, next_move(definition, run.position, facts, run.next_step_at))


def _said(it: _Next, book: Book | None, now: datetime) -> NextStep | None:
    run, move, at = it.run, it.move, it.run.next_step_at
    if run.state == RunState.EXHAUSTED:
        return NextStep("nobody answered", tone="late")
    if run.state == RunState.ACKNOWLEDGED:
        return NextStep("is given back", at, "until", "due") if run.wake == Wake.LEASE and at else None
    if move is None or at is None:
        return None
    when = at if at > now else None
    style, tone = ("until", "due") if when else ("", "now")
    if move.tell is None:
        return NextStep(
            "nobody is left" if move.exhausted else "stops by rule" if move.stopped else "waits", when, style, tone
        )
    step = it.definition.steps[move.tell]
    names = (
        book.reach(step.targets, run.workspace_id, move.urgency, step.responders_hours, max(at, now)).names
        if book
        else []
    )
    if not names:
        return NextStep(f"{step.name or f'level {move.tell + 1}'} reaches nobody", when, style, "late")
    more = f" +{len(names) - NAMED}" if len(names) > NAMED else ""
    return NextStep(f"{'pages' if when else 'paging'} {', '.join(names[:NAMED])}{more}", when, style, tone)


def _in(at: datetime | None, now: datetime) -> str:
    if at is None:
        return ""
    minutes = max(1, round((at - now).total_seconds() / 60))
    return f" in {minutes} min" if minutes < 120 else f" in {minutes // 60} h"
