"""The contact plan of a person: by which destinations, and when, they are notified. Pure.

It applies contact rules, quiet hours and a step's hours, all on the person's own clock. The engine and the what-if both
ask :func:`plan`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from notifications.choices import ChannelKind, Urgency
from notifications.oncall.wall import instant_of, wall_of
from notifications.oncall.windows import Window, hours, within

DAY = timedelta(days=1)
NO_MAIL_SERVER = "no mail server is set up"
QUIET_IN_A_ROW = 7  # quiet hours that meet end to end are followed so far, then a message is let through
WAKING = frozenset({ChannelKind.SMS, ChannelKind.VOICE, ChannelKind.WEBPUSH})  # what can wake somebody
ALSO_WAKING = WAKING | {ChannelKind.TELEGRAM, ChannelKind.PAGERDUTY, ChannelKind.OPSGENIE, ChannelKind.APPRISE}


@dataclass(frozen=True, slots=True)
class OwnDestination:
    """A destination of a person. *problem* says why it can't be used ("" when it can); *id* None: made when it is needed.

    *lacks*: what has to be set up before anything arrives there. It is tried nevertheless, so that the attempt tells of it.
    """

    id: int | None
    kind: ChannelKind
    label: str
    problem: str = ""
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A "call me" rule."""

    urgency: Urgency
    delay: timedelta
    destination_id: int


@dataclass(frozen=True, slots=True)
class Quiet:
    """Quiet hours by the person's clock; *days* are those on which they begin (0 is Monday), none: every day."""

    begins: time
    ends: time
    days: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What is known of how to tell somebody. *email*, the account's, is the last resort where there is a mail server."""

    id: int
    name: str
    time_zone: str
    own: tuple[OwnDestination, ...] = ()
    rules: tuple[Rule, ...] = ()
    quiet: Quiet | None = None
    email: str = ""
    mail_server: bool = True
    active: bool = True


@dataclass(frozen=True, slots=True)
class Voice:
    """The words by which a sentence speaks of the person."""

    has: str
    their: str
    them: str


ABOUT_THEM = Voice("has", "their", "them")
ABOUT_YOU = Voice("you have", "your", "you")  # where people read of themselves


@dataclass(frozen=True, slots=True)
class Call:
    """One message to one destination of a person, at *at*. *first*: none of theirs goes before it. *note* says why it waits."""

    own: OwnDestination
    at: datetime
    first: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls, in their order; without any, *reason* says why. *warnings* is what is wrong with the person's contact data."""

    calls: tuple[Call, ...]
    reason: str = ""
    warnings: tuple[str, ...] = ()


def plan(
    person: Person, urgency: Urgency, now: datetime, window: Window | None = None, voice: Voice = ABOUT_THEM
) -> Plan:
    """How *person* is told at *now*. *window* are a step's hours on the responder's clock; *voice* is whom the reasons speak to.

    Rules of the urgency decide; without any, everything usable rings at once. A rule whose destination can't be used is passed
    over and the rest moves up to where the first would have been; when none is left, whatever else works is used, and at the
    very last the account's e-mail address.
    """
    if not person.active:
        return Plan((), "the account is switched off")
    if window is not None and not within(window, now, person.time_zone):
        return Plan((), f"outside {hours(window)} on {voice.their} clock ({person.time_zone})")
    wanted, warnings = _wanted(person, urgency), list(_warnings(person, urgency))
    if not wanted:
        return Plan((), _why_none(person, voice), tuple(warnings))
    if not any(own.kind in ALSO_WAKING for own, _ in wanted) and urgency == Urgency.HIGH:
        warnings.append(f"nothing that could wake {voice.them}: no verified phone and no web push")
    calls = sorted((_call(person, urgency, own, now + delay) for own, delay in wanted), key=lambda call: call.at)
    return Plan(tuple(Call(c.own, c.at, c.at == calls[0].at, c.note) for c in calls), "", tuple(warnings))


def quiet_until(quiet: Quiet | None, zone: str, at: datetime) -> datetime | None:
    """When the quiet hours that *at* lies in are over; None: it lies in none."""
    end, clock = None, ZoneInfo(zone)
    for _ in range(QUIET_IN_A_ROW if quiet else 0):
        further = _end_of(quiet, clock, end or at) if quiet else None
        if further is None:
            break
        end = further
    return end


def _wanted(person: Person, urgency: Urgency) -> Sequence[tuple[OwnDestination, timedelta]]:
    """The destinations that are used, each once, with the wait before it."""
    usable = {own.id: own for own in person.own if not own.problem}
    waits: dict[int, timedelta] = {}
    for rule in sorted((rule for rule in person.rules if rule.urgency == urgency), key=lambda rule: rule.delay):
        waits.setdefault(rule.destination_id, rule.delay)
    left = [(usable[pk], delay) for pk, delay in waits.items() if pk in usable]
    if left:
        moved_up = left[0][1] - min(waits.values())
        return [(own, delay - moved_up) for own, delay in left]
    if usable:
        return [(own, timedelta(0)) for own in usable.values()]
    return (
        [(OwnDestination(None, ChannelKind.EMAIL, person.email), timedelta(0))]
        if person.email and person.mail_server
        else []
    )


def _call(person: Person, urgency: Urgency, own: OwnDestination, at: datetime) -> Call:
    until = quiet_until(person.quiet, person.time_zone, at) if urgency == Urgency.LOW else None
    return Call(own, until, False, "waits for the end of the quiet hours") if until else Call(own, at, False)


def _warnings(person: Person, urgency: Urgency) -> list[str]:
    """What keeps a way of theirs from being used: of those that their rules name, or of all when they have no rules."""
    named = {rule.destination_id for rule in person.rules if rule.urgency == urgency}
    wrong = ((own, own.problem or own.lacks) for own in person.own if not named or own.id in named)
    return [f"{own.label}: {why}" for own, why in wrong if why]


def _why_none(person: Person, voice: Voice) -> str:
    """What is missing, said so that whoever reads it knows what to set up."""
    if person.email and not person.mail_server:
        others = f"; none of {voice.their} destinations can be used" if person.own else ""
        return f"{voice.has} {person.email}, but {NO_MAIL_SERVER}{others}"
    if person.own:
        return f"none of {voice.their} destinations can be used"
    return f"{voice.has} no destination and no e-mail address"


def _end_of(quiet: Quiet, zone: ZoneInfo, at: datetime) -> datetime | None:
    today = wall_of(at, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    ends = []
    for day in (today - DAY, today):
        if quiet.days and day.weekday() not in quiet.days:
            continue
        begin = datetime.combine(day, quiet.begins)
        last = datetime.combine(day if quiet.ends > quiet.begins else day + DAY, quiet.ends)
        if instant_of(begin, zone) <= at < instant_of(last, zone):
            ends.append(instant_of(last, zone))
    return max(ends, default=None)
