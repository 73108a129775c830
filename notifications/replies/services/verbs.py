"""The verbs of paging itself: their words, and what each does to an incident.

Messages offer *acknowledge* first, then what other apps ask (an approval), then the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from aiops.kernel.errors import InvalidInput
from incidents.choices import ENDED, Status
from incidents.core.models import Incident
from incidents.response.services import incidents
from notifications.delivery import verbs
from notifications.delivery.verbs import On, ReplyVerb, Verb
from notifications.replies import commands, words

DEFAULT_SNOOZE = timedelta(hours=1)
SNOOZES = (("30m", "30 minutes"), ("1h", "1 hour"), ("4h", "4 hours"), ("8h", "8 hours"))


def register() -> None:
    """Register all of them (``AppConfig.ready``)."""
    for verb in OWN:
        verbs.register(verb)


def _acknowledge(on: On, text: str, via: str) -> None:
    incidents.acknowledge(**on, message=text or via)


def _resolve(on: On, text: str, via: str) -> None:
    incidents.resolve(**on, resolution=text or via)


def _escalate(on: On, text: str, via: str) -> None:
    incidents.escalate(**on, reason=text or via)


def _snooze(on: On, text: str, via: str) -> None:
    duration, reason = commands.duration_and_rest(text)
    if text and duration is None:
        raise InvalidInput("Say for how long, such as “snooze 2h”", field="duration")
    incidents.snooze(**on, duration=duration or DEFAULT_SNOOZE, reason=reason or via)


def _note(on: On, text: str, via: str) -> None:
    if not text:
        raise InvalidInput("Write the note after the word, such as “note looking at the logs”", field="note")
    incidents.add_note(**on, content=text)


def _span(incident: Incident, now: datetime) -> str:
    until = incident.snoozed_until
    return f"for {words.span(until - now, 2)}" if until else ""


def _if(holds: Callable[[Incident, str, datetime], bool]) -> Callable[[Incident, str, datetime], bool]:
    return lambda incident, by, now: incident.is_live and holds(incident, by, now)


OWN = (
    ReplyVerb(
        word=Verb.ACKNOWLEDGE,
        place=0,
        letter="a",
        typed=("ack",),
        key="4",
        label="Acknowledge",
        effect="You take it: nobody else is called.",
        done="acknowledged",
        then="You have it: nobody else is called.",
        act=_acknowledge,
        statuses=(Status.OPEN,),
        moves_status=True,
        is_as_wanted=_if(lambda incident, by, now: incident.status != Status.OPEN and incident.acknowledged_by == by),
    ),
    ReplyVerb(
        word=Verb.RESOLVE,
        place=2,
        letter="r",
        key="6",
        label="Resolve",
        effect="It is over: everybody who was told hears that they can stand down.",
        done="resolved",
        then="Whoever was told can stand down.",
        act=_resolve,
        asks="What was it?",
        moves_status=True,
        is_as_wanted=lambda incident, by, now: incident.status in ENDED,
    ),
    ReplyVerb(
        word=Verb.ESCALATE,
        place=2,
        letter="e",
        typed=("esc",),
        usage="escalate",
        key="8",
        label="Escalate",
        effect="More people are needed: the next ones are called at once.",
        done="escalated",
        then="The next people are called.",
        act=_escalate,
        asks="Why?",
        moves_status=True,
        is_as_wanted=_if(lambda incident, by, now: incident.escalated_at is not None),
    ),
    ReplyVerb(
        word=Verb.SNOOZE,
        place=2,
        letter="s",
        usage="snooze 2h",
        label="Snooze",
        effect="Nobody is called about it for a while; then the escalation goes on.",
        done="snoozed",
        detail=_span,
        then="Then the escalation goes on.",
        act=_snooze,
        choices=SNOOZES,
        moves_status=True,
        is_as_wanted=_if(lambda incident, by, now: incident.is_snoozed(now)),
    ),
    ReplyVerb(
        word=Verb.NOTE,
        place=2,
        letter="n",
        usage="note …",
        label="Add a note",
        effect="What you write stands in the timeline for everybody.",
        done="noted",
        act=_note,
        asks="Note",
        needs_text=True,
        statuses=tuple(Status),
        moves_status=True,
    ),
)
