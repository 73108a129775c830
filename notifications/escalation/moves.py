"""The next move of an escalation run. Pure: a position, the facts and ``now`` in, a move with a named reason out.

The engine, the what-if and the previews all ask :func:`next_move`, so a preview shows what will happen.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from incidents.choices import Priority, Severity
from notifications.choices import NO_STEP, UNANSWERED, UNREACHED, Urgency, WakeReason
from notifications.escalation.definition import Definition, Step
from notifications.oncall.windows import RESPONDER, hours, within

ANEW = (
    WakeReason.RESUMED,
    WakeReason.SEVERITY_RAISED,
    WakeReason.PRIORITY_RAISED,
)  # these tell the current level once more, as a new wave
AGAIN = (WakeReason.REPEAT, *ANEW)
MOMENT = timedelta(minutes=5)  # at a rise, whoever was called within it is not called again at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a run stands: the step that comes next, the one told last (None: none yet), how often it was gone through.

    A *step* past the last one: the first again (in a further cycle), or the end.

    *level_at* is when the level was first told in this pass: the next step's delay counts from there, repeats in between or not.
    Bit n of *notified_steps*: step n was notified in this cycle. *risen*: severity or priority rose since.
    *forced*: somebody asked for people, so that no rule by severity or priority ends the run.
    """

    step: int = 0
    level: int | None = None
    round: int = 0
    cycle: int = 0
    repeats: int = 0
    wake: WakeReason = WakeReason.OPENED
    level_at: datetime | None = None
    notified_steps: int = 0
    risen: bool = False
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides about an incident. *started_at*: since when nobody is known to have it, as ``run_lifecycle`` counts it."""

    severity: Severity
    priority: Priority
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Skipped:
    """A step that did not apply."""

    step: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What to do now, and what then: *position* and *next_at* are the run's afterwards.

    Exactly one of: *notify* (the index of the step whose people are told), *wait*, *exhausted*, *stopped*.
    """

    position: Position
    next_at: datetime | None
    reason: str = ""
    notify: int | None = None
    urgency: Urgency = Urgency.HIGH
    wait: bool = False
    exhausted: bool = False
    stopped: bool = False
    skipped: tuple[Skipped, ...] = ()


def next_move(definition: Definition, at: Position, facts: Facts, now: datetime) -> Move:
    """The next thing that a run does. Steps that do not apply are passed over at once; when none is left, it has run out."""
    if reason := _stop_rule(definition, at, facts, now):
        return Move(position=replace(at, risen=False), next_at=None, reason=reason, stopped=True)
    if (
        at.wake == WakeReason.OPENED
        and definition.steps[0].delay
        and now < facts.started_at + definition.steps[0].delay
    ):
        due = _no_later(definition, facts, facts.started_at + definition.steps[0].delay)
        return Move(position=replace(at, wake=WakeReason.STEP), next_at=due, wait=True, reason="before the first step")
    if at.wake == WakeReason.EXHAUST:
        return _exhausted(definition, at)
    index, again = _begins_at(definition, at, facts, now)
    position = replace(at, round=at.round + 1) if at.risen and not again else at
    may_begin_anew = at.wake in ANEW  # rather than end because the level told last no longer applies
    skipped: list[Skipped] = []
    while True:
        if index >= len(definition.steps):
            goes_on = position.cycle < definition.repeat or may_begin_anew
            if goes_on and len(skipped) < len(definition.steps):
                cycle = position.cycle if may_begin_anew else position.cycle + 1
                index, position = 0, replace(position, cycle=cycle, round=position.round + 1, notified_steps=0)
                may_begin_anew = False
                continue
            return _exhausted(definition, position, skipped)
        step = definition.steps[index]
        if why := _why_not(step, facts, now):
            if step.stops and not position.forced:
                stopped_at = replace(position, step=index, risen=False)
                return Move(position=stopped_at, next_at=None, reason=why, stopped=True, skipped=tuple(skipped))
            skipped.append(Skipped(index, why))
            if (
                again and at.wake == WakeReason.REPEAT
            ):  # its hours are over: no more repeats, but nobody else any sooner
                after, due = _after(definition, at, index, at.level_at or now)
                due = _no_later(definition, facts, max(due, now))
                return Move(position=after, next_at=due, wait=True, reason=why, skipped=tuple(skipped))
            index, again = index + 1, False
            continue
        return _tell(definition, position, index, facts, now, again=again, skipped=tuple(skipped))


def taken_over(at: Position) -> Position:
    """The position in another policy, which begins with its first step. What was to be told by hand is told at once."""
    wake = at.wake if at.wake == WakeReason.ESCALATED else WakeReason.OPENED
    return Position(round=at.round + 1, wake=wake, forced=at.forced)


def undisturbed(definition: Definition, at: Position, move: Move, facts: Facts, now: datetime) -> Move:
    """*move* after a rise, when all of its people were called a moment ago. Where it would have told the current level again, the
    run goes on from *at* as if nothing had risen. Where it would have gone back to a level that was passed over, that counts as
    told, and the run looks once more for another one: what comes next is not put off for people who were not called."""
    if at.level is None or at.level_at is None or move.notify is None:
        return move
    if at.risen and move.notify < at.step and not at.notified_steps >> move.notify & 1:
        return replace(move, position=replace(at, notified_steps=at.notified_steps | 1 << move.notify), next_at=now)
    if move.notify != at.level:
        return move
    step = definition.steps[at.level]
    rest = replace(at, risen=False)
    after, due = _after(definition, rest, at.level, at.level_at)
    again_at = at.level_at + step.repeat_every * (at.repeats + 1)
    if at.repeats < step.repeat_times and again_at < due:
        after, due = replace(rest, wake=WakeReason.REPEAT), again_at
    return replace(move, position=after, next_at=_no_later(definition, facts, max(due, now)))


def why_exhausted(move: Move, *, anybody_was_told: bool) -> str:
    """Why the policy has run out, in words. *anybody_was_told*: some page reached a person, a log does not count."""
    if move.position.level is None:
        return NO_STEP
    return UNANSWERED if anybody_was_told else UNREACHED


def after_notifying(definition: Definition, move: Move, hearing_times: Collection[datetime], now: datetime) -> Move:
    """*move*, once it is known when the people of its step hear of it.

    Nobody does: what follows comes at once, but for beginning anew, which would find the same nobody. They all wait for the
    end of their quiet hours: what follows waits as long, so that a policy does not run out while its people may sleep.
    """
    at, next_at = move.position, move.next_at
    if next_at is None:
        return move
    if not hearing_times:
        anew = at.wake == WakeReason.STEP and at.step >= len(definition.steps)
        wake = WakeReason.UNREACHED if at.wake == WakeReason.REPEAT else at.wake
        return replace(move, position=replace(at, wake=wake), next_at=next_at if anew else now)
    if (wait := min(hearing_times) - now) > timedelta(0):
        moved = at.level_at + wait if at.level_at else None
        return replace(move, position=replace(at, level_at=moved), next_at=next_at + wait)
    return move


def urgency_of(step: Step, facts: Facts) -> Urgency:
    """The step's own, else the incident's."""
    return step.urgency or urgency_by(facts)


def urgency_by(facts: Facts) -> Urgency:
    """By the incident alone: what must be answered at once or within the hour may wake somebody."""
    return Urgency.HIGH if facts.priority <= Priority.P2 or facts.severity >= Severity.HIGH else Urgency.LOW


def urgency_at_the_end(definition: Definition, at: Position, facts: Facts) -> Urgency:
    """How urgent it is that nobody answered: as urgent as the incident, or as the most urgent step that was told."""
    loud = any(at.notified_steps >> n & 1 and step.urgency == Urgency.HIGH for n, step in enumerate(definition.steps))
    return Urgency.HIGH if loud else urgency_by(facts)


def _begins_at(definition: Definition, at: Position, facts: Facts, now: datetime) -> tuple[int, bool]:
    """The step to look at first, and whether that is the level told last once more.

    After a rise: the first step that was passed over and applies now, if there is one.
    """
    if at.risen:
        for index in range(min(at.step, len(definition.steps))):
            if not at.notified_steps >> index & 1 and not _why_not(definition.steps[index], facts, now):
                return index, False
    if at.wake in AGAIN and at.level is not None:
        return at.level, True
    return (0 if at.wake in ANEW else at.step), False


def _tell(
    definition: Definition,
    at: Position,
    index: int,
    facts: Facts,
    now: datetime,
    *,
    again: bool,
    skipped: tuple[Skipped, ...],
) -> Move:
    """Tell step *index*, and work out when what comes after it is due."""
    step = definition.steps[index]
    repeating = again and at.wake == WakeReason.REPEAT
    since = _since(definition, at, index, now) if again and at.level_at else now
    notified = replace(
        at,
        step=index + 1,
        level=index,
        round=at.round + 1 if again else at.round,
        repeats=at.repeats + 1 if repeating else 0,
        level_at=since,
        notified_steps=at.notified_steps | 1 << index,
        risen=False,
    )
    after, due = _after(definition, notified, index, since)
    if notified.repeats < step.repeat_times and now + step.repeat_every < due:
        after, due = replace(notified, wake=WakeReason.REPEAT), now + step.repeat_every
    return Move(
        position=after,
        next_at=_no_later(definition, facts, max(due, now)),
        notify=index,
        urgency=urgency_of(step, facts),
        skipped=skipped,
        reason=at.wake.label,
    )


def _since(definition: Definition, at: Position, index: int, now: datetime) -> datetime:
    """From when the next level's delay counts, where level *index* is told once more at *now*.

    Repeats count from the first telling. So does a rise while the next level is still to come: a rise puts no level off.
    """
    first = at.level_at or now
    if at.wake == WakeReason.REPEAT:
        return first
    rises = at.wake in (WakeReason.SEVERITY_RAISED, WakeReason.PRIORITY_RAISED) and index == at.level
    return first if rises and _after(definition, at, index, first)[1] > now else now


def _after(definition: Definition, notified: Position, index: int, since: datetime) -> tuple[Position, datetime]:
    """What comes after level *index*, which was first told at *since*, and when. Past the last step it begins anew or ends."""
    after = replace(notified, step=index + 1, wake=WakeReason.STEP)
    if after.step < len(definition.steps):
        return after, since + definition.steps[after.step].delay
    if notified.cycle < definition.repeat:
        return after, since + definition.final_wait
    return replace(after, wake=WakeReason.EXHAUST), since + definition.final_wait


def _no_later(definition: Definition, facts: Facts, due: datetime) -> datetime:
    """*due*, or when the policy stops by rule, if that is before."""
    return due if definition.stop.after is None else min(due, facts.started_at + definition.stop.after)


def _exhausted(definition: Definition, at: Position, skipped: Sequence[Skipped] = ()) -> Move:
    """The end of the steps. Those that were passed over lie behind it, so that a rise can bring them back."""
    position = replace(at, step=len(definition.steps), risen=False)
    return Move(position=position, next_at=None, exhausted=True, skipped=tuple(skipped))


def _stop_rule(definition: Definition, at: Position, facts: Facts, now: datetime) -> str:
    if definition.stop.after is not None and now >= facts.started_at + definition.stop.after:
        return f"it has gone on for {_minutes(definition.stop.after)} min, where the policy stops"
    if definition.stop.below is not None and facts.severity < definition.stop.below and not at.forced:
        return f"severity {facts.severity.word} is below {definition.stop.below.word}, where the policy stops"
    return ""


def _why_not(step: Step, facts: Facts, now: datetime) -> str:
    """Why the step does not apply to the incident, "" when it does. A responder's own hours are asked of each responder."""
    conditions = step.conditions
    if conditions.severities and facts.severity not in conditions.severities:
        return f"not for severity {facts.severity.word}"
    if conditions.priorities and facts.priority not in conditions.priorities:
        return f"not for {facts.priority.name}"
    window = conditions.window
    if window is not None and window.time_zone != RESPONDER and not within(window, now, window.time_zone):
        return f"only {hours(window)} in {window.time_zone}"
    return ""


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
