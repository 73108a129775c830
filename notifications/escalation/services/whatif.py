"""The what-if: who would be notified when, by which channel, if an incident opened at an instant and nobody answered.

It walks ahead through the engine's own decisions (``next_move``, recipients, contact rules) and writes nothing. So
overrides, quiet hours, gaps in schedules and missing contact data count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from aiops.access.actors import Actor
from aiops.kernel.errors import NotFound
from incidents.catalogue.models import Service
from incidents.choices import PRIORITY_OF, Priority, Severity
from incidents.core.models import Incident
from notifications.choices import MACHINES, Urgency
from notifications.delivery.selectors.recipients import RecipientResolver, Recipients, hearing_times
from notifications.escalation.definition import Definition
from notifications.escalation.moves import (
    Facts,
    Position,
    after_notifying,
    next_move,
    urgency_at_the_end,
    why_exhausted,
)
from notifications.escalation.selectors.in_force import policies_of
from notifications.escalation.services import fallback, routes

MOVES = 1000  # a walk that is longer is cut off
MARGIN = timedelta(days=2)  # quiet hours may put a walk off


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that would happen. *what*: announced, told, skipped, unreached, stopped, exhausted, or fallback.

    *minutes* after the incident opened. *who* is told *via* which destination of the channel *kind*; *note* says why, or what
    is wrong with it; *lacks*, what has to be set up before it arrives. *urgency*: of the end, where a policy has run out.
    """

    at: datetime
    minutes: int
    what: str
    step: int | None = None
    level: str = ""
    who: str = ""
    via: str = ""
    kind: str = ""
    user_id: int | None = None
    note: str = ""
    lacks: str = ""
    urgency: Urgency = Urgency.HIGH

    @property
    def is_person(self) -> bool:
        """Whether somebody is told, and hears of it."""
        return self.what == "told" and self.user_id is not None and not self.lacks


def what_if(
    *, actor: Actor, service_id: int, at: datetime, severity: Severity, priority: Priority | None = None
) -> list[Line]:
    """Everything that would happen to an incident of the service that opens *at*, to the end. Raises ``NotFound``."""
    service = Service.objects.visible_to(actor).filter(pk=service_id).first()
    if service is None:
        raise NotFound("There is no such service.")
    wanted = priority or service.default_priority or PRIORITY_OF[severity]
    announced = _announced(service, severity, Priority(wanted), at)
    policy = policies_of([service], severity).get(service.pk)
    if policy is None or policy.version is None:
        why = "no escalation policy is in force for this service and severity"
        return [*announced, Line(at=at, minutes=0, what="exhausted", note=why)]
    definition = Definition.of_json(policy.version.definition)
    resolver = RecipientResolver(set(definition.targets()), at, at + longest(definition))
    facts = Facts(severity, Priority(wanted), at)
    walked = list(walk(definition, resolver, service.workspace_id, facts))
    return [*announced, *walked, *_last_resort(definition, service.workspace_id, walked[-1])]


def preview(
    *, definition: Definition, workspace_id: int, at: datetime, severity: Severity, priority: Priority
) -> list[Line]:
    """The same for a policy that is being edited."""
    resolver = RecipientResolver(set(definition.targets()), at, at + longest(definition))
    facts = Facts(severity, priority, at)
    walked = list(walk(definition, resolver, workspace_id, facts))
    return [*walked, *_last_resort(definition, workspace_id, walked[-1])]


def longest(definition: Definition) -> timedelta:
    """No walk through the policy takes longer, but for quiet hours."""
    once = sum((step.delay for step in definition.steps), definition.final_wait)
    return once * (definition.repeat + 1) + MARGIN


def walk(definition: Definition, resolver: RecipientResolver, workspace_id: int, facts: Facts) -> Iterator[Line]:
    """Go through the policy as the engine would; the last line is exhausted or stopped."""
    position, now, anybody = Position(), facts.started_at, False
    for _ in range(MOVES):
        move = next_move(definition, position, facts, now)
        for skipped in move.skipped:
            yield _line(facts, now, "skipped", definition, skipped.step, note=skipped.reason)
        if move.notify is not None:
            step = definition.steps[move.notify]
            recipients = resolver.recipients(step.targets, workspace_id, move.urgency, step.responders_hours, now)
            yield from _told(facts, now, definition, move.notify, recipients)
            anybody = anybody or any(call.kind not in MACHINES and not call.lacks for call in recipients.calls)
            move = after_notifying(definition, move, hearing_times(recipients.calls), now)
        if move.next_at is None:
            why = why_exhausted(move, anybody_was_told=anybody) if move.exhausted else move.reason
            last = _line(facts, now, "exhausted" if move.exhausted else "stopped", definition, None, note=why)
            yield replace(last, urgency=urgency_at_the_end(definition, move.position, facts))
            return
        position, now = move.position, move.next_at
    yield _line(facts, now, "stopped", definition, None, note="and so on")


def _told(facts: Facts, now: datetime, definition: Definition, index: int, recipients: Recipients) -> Iterator[Line]:
    wrong = "; ".join(dict.fromkeys([*recipients.missed, *recipients.warnings]))
    for place, call in enumerate(recipients.calls):
        note = "; ".join(filter(None, [call.note, wrong if place == 0 else ""]))
        yield _line(
            facts,
            call.at,
            "told",
            definition,
            index,
            who=call.name,
            via=call.via,
            kind=str(call.kind),
            user_id=call.user_id,
            note=note,
            lacks=call.lacks,
        )
    if not recipients.calls:
        yield _line(facts, now, "unreached", definition, index, note=wrong)


def _last_resort(definition: Definition, workspace_id: int, last: Line) -> list[Line]:
    """Where it ends when it has run out: the fallback, or that there is none."""
    if last.what != "exhausted":
        return []
    recipients = fallback.recipients(definition, workspace_id, last.urgency, last.at)
    told = [
        Line(
            at=call.at,
            minutes=last.minutes + int((call.at - last.at).total_seconds() // 60),
            what="fallback",
            who=call.name,
            via=call.via,
            kind=str(call.kind),
            user_id=call.user_id,
        )
        for call in recipients.calls
    ]
    nobody = Line(
        at=last.at,
        minutes=last.minutes,
        what="fallback",
        note="; ".join(["nobody is left to tell", *recipients.missed]),
    )
    return told or [nobody]


def _announced(service: Service, severity: Severity, priority: Priority, at: datetime) -> list[Line]:
    """The shared destinations that routes name."""
    sample = Incident(pk=0, workspace_id=service.workspace_id, service=service, severity=severity, priority=priority)
    found: Mapping[int, list] = routes.matching([sample], at)
    return [
        Line(at=at, minutes=0, what="announced", who=row.label, via=row.label, kind=row.kind, note="by a route")
        for row in found.get(0, ())
    ]


def _line(
    facts: Facts,
    at: datetime,
    what: str,
    definition: Definition,
    step: int | None,
    *,
    who: str = "",
    via: str = "",
    kind: str = "",
    user_id: int | None = None,
    note: str = "",
    lacks: str = "",
) -> Line:
    level = (definition.steps[step].name or f"Level {step + 1}") if step is not None else ""
    minutes = int((at - facts.started_at).total_seconds() // 60)
    return Line(
        at=at,
        minutes=minutes,
        what=what,
        step=step,
        level=level,
        who=who,
        via=via,
        kind=kind,
        user_id=user_id,
        note=note,
        lacks=lacks,
    )
