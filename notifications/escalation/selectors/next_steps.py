"""The next step of an escalation as text for rows, pages and messages. A constant number of queries for any number of
incidents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import F

from aiops.kernel.sql import CompiledQuery, Given
from incidents.choices import LIVE, Priority, Severity, Status
from incidents.core.models import Incident
from incidents.response.next_step import NextStep
from notifications.choices import NO_STEP, UNREACHED, RunState, TargetKind, Urgency, WakeReason
from notifications.delivery.selectors.recipients import RecipientResolver, Recipients, hearing_times
from notifications.delivery.target import Target
from notifications.escalation.definition import Definition
from notifications.escalation.models import EscalationRun
from notifications.escalation.moves import Facts, Move, next_move, urgency_at_the_end

NAMED = 2  # people that a line names; the rest is counted
FAR = timedelta(hours=20)  # beyond which a time of day needs its day
NOBODY_IS_PAGED = NextStep("nobody is paged", tone="late")  # no policy is for it


@dataclass(frozen=True, slots=True)
class _Next:
    """A run, its policy, and the move that it makes when its time comes (None: it does not move by itself)."""

    run: EscalationRun
    definition: Definition
    move: Move | None

    @property
    def facts(self) -> Facts:
        """What decides about the incident."""
        incident = self.run.incident
        return Facts(Severity(incident.severity), Priority(incident.priority), self.run.anew_at)

    @property
    def targets(self) -> Sequence[Target]:
        """Whom the move tells; when the policy runs out, its fallback and the admins."""
        if self.move is None:
            return ()
        if self.move.notify is not None:
            return self.definition.steps[self.move.notify].targets
        return (*self.fallback, *self.admins) if self.move.exhausted else ()

    @property
    def fallback(self) -> list[Target]:
        return [Target(TargetKind.CHANNEL, pk) for pk in self.definition.fallback]

    @property
    def admins(self) -> list[Target]:
        return [Target(TargetKind.ADMINS, self.run.workspace_id)]


_runs = CompiledQuery(
    lambda: EscalationRun.objects.filter(
        incident_id__any_of=Given("incidents"), episode=F("incident__episode"), incident__status__in=LIVE
    ),
    along=("version", "incident"),
)


def next_steps(incident_ids: Sequence[int], *, now: datetime, incidents: Mapping[int, Incident]) -> dict[int, NextStep]:
    """What paging does next with each live incident: ``pages Bo`` and when. Fills the slot ``NEXT``.

    Those that somebody has, that are asleep or silent, speak for themselves and are left out. Of those of *incidents* without a
    run it says that nobody is paged.
    """
    runs = list(_runs(incidents=list(incident_ids)))
    known = dict(incidents) | {run.incident_id: run.incident for run in runs}
    paged = [run for run in runs if run.version is not None]
    unpaged = known.keys() - {run.incident_id for run in paged}
    found = {pk: NOBODY_IS_PAGED for pk in unpaged if is_waited_for(known[pk], now)}
    return found | _foreseen(paged, now)


def spoken(incident_ids: Sequence[int], *, now: datetime) -> dict[int, str]:
    """What is still to come, as a sentence for somebody who was just woken: by when, and what then."""
    runs = _runs(incidents=list(incident_ids))
    going = [run for run in runs if run.version is not None and run.next_step_at is not None]
    moves, resolver = _moves_of(going, now)
    return {it.run.incident_id: said for it in moves if (said := _sentence(it, resolver, now))}


def _foreseen(runs: Sequence[EscalationRun], now: datetime) -> dict[int, NextStep]:
    moves, resolver = _moves_of(runs, now)
    said = ((it.run.incident_id, _said(it, resolver, now)) for it in moves)
    return {pk: step for pk, step in said if step is not None}


def _moves_of(runs: Sequence[EscalationRun], now: datetime) -> tuple[list[_Next], RecipientResolver | None]:
    moves = [_foresee(run) for run in runs]
    wanted = {target for it in moves for target in it.targets}
    until = max((it.run.next_step_at for it in moves if it.run.next_step_at), default=now)
    return moves, RecipientResolver(wanted, now, max(now, until)) if wanted else None


def _sentence(it: _Next, resolver: RecipientResolver | None, now: datetime) -> str:
    """``If nobody acknowledges by 03:25 UTC: Bo is paged.`` "" when nothing more comes by itself."""
    run, move, at = it.run, it.move, it.run.next_step_at
    if move is None or at is None or not is_waited_for(run.incident, now):
        return ""
    then = "paging stops, as the policy says" if move.stopped else ""
    if move.notify is not None and resolver is not None:
        step = it.definition.steps[move.notify]
        recipients = resolver.recipients(
            step.targets, run.workspace_id, move.urgency, step.responders_hours, max(at, now)
        )
        again = " again" if run.level == move.notify else ""
        if recipients.people:
            then = f"{_are(recipients.people)} paged{again}{_later(recipients, max(at, now), now)}"
        elif recipients.rooms:
            then = f"{_are(recipients.rooms)} told{again}"
        else:
            then = f"the next level ({step.name or move.notify + 1}) reaches nobody"
    elif move.exhausted:
        recipients = _last_resort(it, resolver, max(at, now)) if resolver is not None else Recipients()
        last, later = [*recipients.people, *recipients.rooms], _later(recipients, max(at, now), now)
        told = f"{_are(last)} told that nobody answered{later}" if last else "nobody can be told that nobody answered"
        then = f"{told} (nobody else is on the ladder)"
    if not then:
        return ""
    return (
        f"If nobody acknowledges by {_clock(at, now)}: {then}." if at > now else f"If nobody acknowledges: {then} now."
    )


def _later(recipients: Recipients, at: datetime, now: datetime) -> str:
    """When they hear of it, where that is not at once: their quiet hours end before."""
    heard = min(hearing_times(recipients.calls), default=at)
    return f" at {_clock(heard, now)}" if heard > at else ""


def _clock(at: datetime, now: datetime) -> str:
    return f"{at:{'%-d %b %H:%M' if at - now > FAR else '%H:%M'}} UTC"


def _are(names: Sequence[str]) -> str:
    """``Bo is``, ``Ana and Bo are``, ``Ana, Bo and 3 more are``."""
    if len(names) == 1:
        return f"{names[0]} is"
    more = len(names) - NAMED
    return f"{', '.join(names[:NAMED])} and {more} more are" if more > 0 else f"{' and '.join(names)} are"


def ran_out(reason: str) -> str:
    """How an escalation ended that has told all that it could: what a row has room for, by the run's reason."""
    return {UNREACHED: UNREACHED, NO_STEP: "no level applies"}.get(reason, "nobody answered")


def is_waited_for(incident: Incident, now: datetime) -> bool:
    """Whether it is open, awake and not silent: somebody is needed, so that how far paging came is what matters."""
    return incident.status == Status.OPEN and incident.suppressed_by is None and not incident.is_snoozed(now)


def _foresee(run: EscalationRun) -> _Next:
    assert run.version is not None
    definition = Definition.of_json(run.version.definition)
    if run.state != RunState.ACTIVE or run.next_step_at is None:
        return _Next(run, definition, None)
    it = _Next(run, definition, None)
    return replace(it, move=next_move(definition, run.position, it.facts, run.next_step_at))


def _said(it: _Next, resolver: RecipientResolver | None, now: datetime) -> NextStep | None:
    run, at = it.run, it.run.next_step_at
    if (
        run.state == RunState.ACKNOWLEDGED
        and run.wake == WakeReason.LEASE
        and at
        and run.incident.status != Status.OPEN
    ):
        return NextStep("is given back", at, "until", "due")
    if not is_waited_for(run.incident, now):
        return None
    if run.state == RunState.EXHAUSTED:
        return NextStep(ran_out(run.reason), tone="late")
    if run.state == RunState.STOPPED:
        return NextStep("paging stopped by rule", tone="due")
    return _moves(it, resolver, at, now) if it.move is not None and at is not None else None


def _moves(it: _Next, resolver: RecipientResolver | None, at: datetime, now: datetime) -> NextStep | None:
    move, recipients = it.move, Recipients()
    assert move is not None
    if move.notify is not None and resolver is not None:
        step = it.definition.steps[move.notify]
        recipients = resolver.recipients(
            step.targets, it.run.workspace_id, move.urgency, step.responders_hours, max(at, now)
        )
    elif move.exhausted and resolver is not None:
        recipients = _last_resort(it, resolver, max(at, now))
    at = max(at, min(hearing_times(recipients.calls), default=at))  # they may sleep until then
    when = at if at > now else None
    style, tone = ("until", "due") if when else ("", "now")
    if move.notify is not None:
        name = it.definition.steps[move.notify].name or f"level {move.notify + 1}"
        if recipients.people:
            return NextStep(f"{'pages' if when else 'paging'} {_named(recipients.people)}", when, style, tone)
        if recipients.rooms:
            return NextStep(f"{'tells' if when else 'telling'} {_named(recipients.rooms)}", when, style, tone)
        return NextStep(f"{name} reaches {'no person' if recipients.calls else 'nobody'}", when, style, "late")
    if move.exhausted:
        if last := [*recipients.people, *recipients.rooms]:
            return NextStep(f"tells {_named(last)}", when, style, tone)
        return NextStep("nobody is left to tell", when, style, "late")
    return NextStep("paging stops by rule" if move.stopped else "waits", when, style, tone)


def _last_resort(it: _Next, resolver: RecipientResolver, at: datetime) -> Recipients:
    """Who hears that the policy has run out, as ``fallback.reach`` chooses them."""
    assert it.move is not None
    workspace_id, urgency = it.run.workspace_id, urgency_at_the_end(it.definition, it.move.position, it.facts)
    named = resolver.recipients(it.fallback, workspace_id, urgency, at=at)
    found = named if named.works else resolver.recipients(it.admins, workspace_id, urgency, at=at)
    if urgency == Urgency.HIGH:
        found.calls = [replace(call, at=at) for call in found.calls]
    return found


def _named(names: Sequence[str]) -> str:
    more = f" +{len(names) - NAMED}" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
