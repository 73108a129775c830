"""Template context of the on-call pages: all schedules, one schedule, and a person's own shifts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.urls import reverse

from aiops.access.actors import Actor, Role
from aiops.access.models import User
from aiops.kernel.errors import NotFound, NotPermitted
from notifications import oncall
from notifications.choices import SwapState
from notifications.oncall import FUTURE, ScheduleSpec, Shift, Span
from notifications.oncall.conflicts import Conflict
from notifications.oncall.console.calendar import (
    Bar,
    People,
    Person,
    Ruler,
    everybody_in,
    final_pieces,
    monday_of,
    weeks_of,
)
from notifications.oncall.models import Override, Schedule, ShiftSwap, TimeOff
from notifications.oncall.selectors.schedules import conflicts, load, members_of, schedules_with
from notifications.oncall.wall import instant_of, wall_of

GLANCE = timedelta(days=7)
LOOK_AHEAD = timedelta(days=30)  # gaps, and the next shift
WARN_AHEAD = timedelta(days=14)  # shifts that fall on time off
MY_AHEAD = timedelta(days=60)
WEEKS = (2, 4)
MOST_SWAPS, MOST_SHIFTS = 50, 40


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A schedule at a glance. *shift*: who has it now (None: nobody); *following*: whoever is next and another one."""

    schedule: Schedule
    shift: Shift | None
    person: Person | None
    following: Shift | None
    next_person: Person | None
    bars: list[Bar]
    gaps: list[Span]

    @property
    def endless(self) -> bool:
        """Whether nothing ends the shift that anybody wrote down."""
        return self.shift is not None and self.shift.end >= FUTURE

    @property
    def open_gaps(self) -> list[Span]:
        """Those that no fallback person covers."""
        return [gap for gap in self.gaps if not gap.fallback]

    @property
    def stand_ins(self) -> int:
        """How often only the fallback person is there."""
        return len(self.gaps) - len(self.open_gaps)


@dataclass(frozen=True, slots=True)
class Clash:
    """Somebody has shifts while away: the first one's beginning, the last one's end, how many."""

    schedule: str
    person: Person
    start: datetime
    end: datetime
    count: int


def overview(actor: Actor, zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    """Every schedule that the actor may see, with who is on, until when, who is next, and the week ahead. Eight queries."""
    schedules = list(Schedule.objects.visible_to(actor).select_related("team", "workspace").order_by("name"))
    specs = load([schedule.pk for schedule in schedules], now, now + LOOK_AHEAD)
    people = People.of(everybody_in(specs.values()))
    today = wall_of(now, zone).date()
    begins = instant_of(datetime.combine(today, datetime.min.time()), zone)
    ends = instant_of(datetime.combine(today + GLANCE, datetime.min.time()), zone)
    ruler = Ruler(today, zone, begins, ends, 4.6)
    names = {schedule.pk: schedule.name for schedule in schedules}
    return {
        "glances": [_glance(schedule, specs[schedule.pk], people, ruler, now) for schedule in schedules],
        "days": [today + timedelta(days=n) for n in range(7)],
        "now_x": ruler.x(now),
        "conflicts": _clashes(specs, names, people, now),
        "now": now,
    }


def _glance(schedule: Schedule, spec: ScheduleSpec, people: People, ruler: Ruler, now: datetime) -> ScheduleRow:
    shift = oncall.on_call(spec, now)
    ahead = oncall.final_schedule(spec, now, now + LOOK_AHEAD)
    following = next((one for one in ahead if one.start > now and (not shift or one.user_id != shift.user_id)), None)
    return ScheduleRow(
        schedule=schedule,
        shift=shift,
        person=people[shift.user_id] if shift else None,
        following=following,
        next_person=people[following.user_id] if following else None,
        bars=ruler.bars(final_pieces(spec, now, ruler.end), people),
        gaps=oncall.gaps(spec, now, now + LOOK_AHEAD),
    )


def _clashes(ids: Iterable[int], names: dict[int, str], people: People, now: datetime) -> list[Clash]:
    together: dict[tuple[int, int], list[Conflict]] = {}
    for one in conflicts(ids, now, now + WARN_AHEAD):
        together.setdefault((one.schedule_id, one.user_id), []).append(one)
    return [
        Clash(names[pk], people[user_id], found[0].start, found[-1].end, len(found))
        for (pk, user_id), found in together.items()
    ]


def require_membership(actor: Actor) -> None:
    """Raises ``NotPermitted`` for somebody who is in no workspace: they can be on call nowhere."""
    if not actor.roles and actor.everywhere is None:
        raise NotPermitted("Shifts and calendars are for members of a workspace")


def schedule_for(actor: Actor, schedule_id: int) -> Schedule:
    """The schedule; ``NotFound`` when there is none or the actor may not see it."""
    rows = Schedule.objects.visible_to(actor).select_related("team", "workspace", "fallback")
    if (schedule := rows.filter(pk=schedule_id).first()) is None:
        raise NotFound("There is no such schedule")
    return schedule


def schedule_page(actor: Actor, user: User, schedule: Schedule, params: QueryDict, now: datetime) -> dict[str, Any]:
    """The calendar of a schedule, its gaps, overrides and warnings. *params*: ``weeks`` (2 or 4), ``from`` (a date)."""
    zone = ZoneInfo(user.time_zone)
    count = 4 if params.get("weeks") == "4" else 2
    this_monday = monday_of(wall_of(now, zone).date())
    first = monday_of(_date(params.get("from", "")) or this_monday)
    begins = instant_of(datetime.combine(first, datetime.min.time()), zone)
    ends = instant_of(datetime.combine(first + timedelta(weeks=count), datetime.min.time()), zone)
    spec = load([schedule.pk], min(begins, now), max(ends, now + LOOK_AHEAD), now)[schedule.pk]
    people = People.of(everybody_in([spec]))
    ruler = Ruler(first, zone, begins, ends)
    ahead = Override.objects.filter(schedule=schedule, ends_at__gt=now, user__in=members_of(schedule.workspace_id))
    return {
        "schedule": schedule,
        "glance": _glance(schedule, spec, people, ruler, now),
        "weeks": weeks_of(schedule, spec, people, first, count, zone, now),
        "count": count,
        "choices": [(n, n == count) for n in WEEKS],
        "first": first,
        "last": first + timedelta(days=7 * count - 1),
        "at_home": first == this_monday,
        "earlier": first - timedelta(weeks=count),
        "later": first + timedelta(weeks=count),
        "people": list(people),
        "overrides": list(ahead.select_related("user").order_by("starts_at")[:MOST_SWAPS]),
        "conflicts": _clashes([schedule.pk], {schedule.pk: schedule.name}, people, now),
        "operator": actor.may(Role.OPERATOR, schedule.workspace_id),
        "admin": actor.may(Role.ADMIN, schedule.workspace_id),
        "members": members_of(schedule.workspace_id).order_by("username"),
        "today": wall_of(now, zone).date(),
        "view_url": f"{reverse('console-oncall-schedule', args=[schedule.pk])}?weeks={count}&from={first}",
        "zone": zone.key,
        "now": now,
    }


@dataclass(frozen=True, slots=True)
class OwnShift:
    """A shift of one's own, and the time off that it falls on, if any."""

    schedule: Schedule
    shift: Shift
    away: bool
    asked: ShiftSwap | None

    @property
    def endless(self) -> bool:
        """Whether it goes on beyond what is looked at."""
        return self.shift.end >= FUTURE


def mine(user: User, actor: Actor, now: datetime) -> dict[str, Any]:
    """A person's shifts, swaps and time off."""
    schedules = {row.pk: row for row in schedules_with(user.pk).filter(pk__in=Schedule.objects.visible_to(actor))}
    specs = load(schedules, now, now + 2 * MY_AHEAD)
    away = list(TimeOff.objects.filter(user=user, ends_at__gt=now).order_by("starts_at"))
    swaps = ShiftSwap.objects.select_related("schedule", "requester", "candidate", "taken_by")
    asked = list(swaps.filter(requester=user, ends_at__gt=now).order_by("starts_at")[:MOST_SWAPS])
    shifts = sorted(
        (
            _own(schedules[pk], shift, away, asked)
            for pk, spec in specs.items()
            for shift in oncall.upcoming(spec, now, now + MY_AHEAD)
            if shift.user_id == user.pk
        ),
        key=lambda own: own.shift.start,
    )
    open_swaps = swaps.filter(schedule__in=schedules, state=SwapState.OPEN, ends_at__gt=now).exclude(requester=user)
    return {
        "shifts": shifts[:MOST_SHIFTS],
        "on_now": [own for own in shifts if own.shift.start <= now],
        "asked_of_me": [swap for swap in open_swaps[:MOST_SWAPS] if swap.candidate_id in (None, user.pk)],
        "asked": asked,
        "time_off": away,
        "warn_until": now + WARN_AHEAD,
        "ahead": MY_AHEAD.days,
        "now": now,
    }


def _own(schedule: Schedule, shift: Shift, away: Sequence[TimeOff], asked: Sequence[ShiftSwap]) -> OwnShift:
    clash = any(row.starts_at < shift.end and row.ends_at > shift.start for row in away)
    swap = next(
        (
            one
            for one in asked
            if one.state == SwapState.OPEN and one.schedule_id == schedule.pk
            and one.starts_at < shift.end and one.ends_at > shift.start
        ),
        None,
    )  # fmt: skip
    return OwnShift(schedule, shift, clash, swap)


def _date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1971 <= found.year <= 9000 else None
