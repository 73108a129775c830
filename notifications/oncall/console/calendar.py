"""The calendar of a schedule in weeks: a row for each layer, one for overrides, and one for the result, with hatched
gaps.

Positions are percentages of a week on the reader's wall clock. So every day is equally wide, also one of 23 hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from aiops.access.models import User
from notifications import oncall
from notifications.oncall import FUTURE, ScheduleSpec, Shift, Span
from notifications.oncall.models import Layer, Schedule
from notifications.oncall.selectors.names import named
from notifications.oncall.wall import instant_of, wall_of

WEEK = timedelta(weeks=1)
HUES = 8
NARROW = 3.7  # pixels that a per cent of a week has on a phone
LETTER = 6.6  # pixels of a letter, on average


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as the pages show them: *hue* is a colour of their own within the page, 0 to 7."""

    id: int
    name: str
    username: str
    hue: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A shift or a gap (*person* None) in a lane, clipped to the week; *begins* and *ends* are those of the whole shift."""

    x: str
    width: str
    begins: datetime
    ends: datetime
    source: str
    fit: str  # how much of the name has room, on a wide screen and on a narrow one: CSS classes
    person: Person | None = None


@dataclass(frozen=True, slots=True)
class CalendarRow:
    label: str
    bars: list[Bar]
    kind: str = "layer"  # layer, override or final


@dataclass(frozen=True, slots=True)
class Week:
    """*days* are the seven dates; *now* is where the present is (None: not in this week)."""

    starts_at: datetime
    ends_at: datetime
    days: list[date]
    rows: list[CalendarRow]
    now: str | None


@dataclass(slots=True)
class People:
    """The people of a page, each with a colour, in the order in which they were first asked for."""

    users: Mapping[int, User]
    _known: dict[int, Person] = field(default_factory=dict)

    @classmethod
    def of(cls, ids: Iterable[int | None]) -> People:
        """One query. The colours go by the order of *ids*."""
        wanted = [user_id for user_id in dict.fromkeys(ids) if user_id is not None]
        people = cls(named(wanted))
        for user_id in wanted:
            people[user_id]
        return people

    def __getitem__(self, user_id: int) -> Person:
        if user_id not in self._known:
            user = self.users[user_id]
            hue = len(self._known) % HUES
            self._known[user_id] = Person(user_id, user.display_name, user.username, hue)
        return self._known[user_id]

    def __iter__(self) -> Any:
        return iter(self._known.values())


def everybody_in(specs: Iterable[ScheduleSpec]) -> list[int]:
    """Who may appear in the schedules: members in the order of their turns, who took over, fallback people."""
    ids: list[int | None] = []
    for spec in specs:
        ids += [user_id for layer in spec.layers for user_id in layer.members]
        ids += [override.user_id for override in spec.overrides]
        ids += [user_id for user_id, _ in (*spec.stand_ins, spec.stand_in(FUTURE))]
    return [user_id for user_id in dict.fromkeys(ids) if user_id is not None]


def monday_of(day: date) -> date:
    """The Monday of the week of *day*."""
    return day - timedelta(days=day.weekday())


def weeks_of(
    schedule: Schedule, spec: ScheduleSpec, people: People, first: date, count: int, zone: ZoneInfo, now: datetime
) -> list[Week]:
    """*count* weeks from the Monday *first* on, on the clock of *zone*."""
    bounds = [instant_of(datetime.combine(first + WEEK * n, datetime.min.time()), zone) for n in range(count + 1)]
    rows = _rows(schedule, spec, bounds[0], bounds[-1])
    weeks = []
    for n, (start, end) in enumerate(pairwise(bounds)):
        ruler = Ruler(first + WEEK * n, zone, start, end)
        lanes = [CalendarRow(label, ruler.bars(pieces, people), kind) for label, kind, pieces in rows]
        days = [first + WEEK * n + timedelta(days=day) for day in range(7)]
        weeks.append(Week(start, end, days, lanes, ruler.x(now) if start <= now < end else None))
    return weeks


@dataclass(frozen=True, slots=True)
class Ruler:
    """Where an instant lies in the seven days from *first* on, in per cent of the width."""

    first: date
    zone: ZoneInfo
    start: datetime
    end: datetime
    wide: float = 10.0  # pixels that a per cent has on a wide screen

    def place(self, at: datetime) -> float:
        """0 to 100."""
        wall = wall_of(min(max(at, self.start), self.end), self.zone)
        return (wall - datetime.combine(self.first, datetime.min.time())) / timedelta(days=7) * 100

    def x(self, at: datetime) -> str:
        """As SVG wants it."""
        return f"{self.place(at):.3f}%"

    def bars(self, pieces: Sequence[Shift | Span], people: People) -> list[Bar]:
        """Those that touch the stretch, clipped to it."""
        return [self._bar(piece, people) for piece in pieces if piece.start < self.end and piece.end > self.start]

    def _bar(self, piece: Shift | Span, people: People) -> Bar:
        width = max(self.place(piece.end) - self.place(piece.start), 0.15)
        person = people[piece.user_id] if isinstance(piece, Shift) else None
        source = piece.source if isinstance(piece, Shift) else "gap"
        name = person.name if person else "Nobody"
        fit = f"wide-{_room(width * self.wide, name)} narrow-{_room(width * NARROW, name)}"
        return Bar(self.x(piece.start), f"{width:.3f}%", piece.start, piece.end, source, fit, person)


def _room(pixels: float, name: str) -> str:
    """What of a name fits: all of it, its initials, or nothing."""
    return "full" if pixels > LETTER * len(name) + 14 else "short" if pixels > 28 else "none"


def final_pieces(spec: ScheduleSpec, start: datetime, end: datetime) -> list[Shift | Span]:
    """The final schedule with its holes; those that the fallback person fills are that person's shifts."""
    holes = [gap for gap in oncall.gaps(spec, start, end) if not gap.fallback]
    return [*oncall.final_schedule(spec, start, end), *holes]


def _rows(
    schedule: Schedule, spec: ScheduleSpec, start: datetime, end: datetime
) -> list[tuple[str, str, Sequence[Shift | Span]]]:
    """Label, kind and pieces of every lane, the base layer first. Layers that were changed lie in the lane of their place."""
    layers = Layer.objects.filter(schedule=schedule).order_by("position", "retired_at")
    by_id = {layer.id: layer for layer in spec.layers}
    lanes: dict[int, tuple[str, list[Shift | Span]]] = {}
    for layer in layers:
        shifts = oncall.layer_shifts(by_id[layer.pk], start, end) if layer.pk in by_id else []
        if layer.retired_at is None or shifts:
            earlier = lanes[layer.position][1] if layer.position in lanes else []
            lanes[layer.position] = (str(layer), [*earlier, *shifts])
    rows: list[tuple[str, str, Sequence[Shift | Span]]] = [
        (label, "layer", pieces) for _, (label, pieces) in sorted(lanes.items())
    ]
    overrides = [
        Shift(override.user_id, override.starts_at, override.ends_at, "override", override_id=override.id)
        for override in spec.overrides
    ]
    if overrides:
        rows.append(("Overrides", "override", overrides))
    rows.append(("On call", "final", final_pieces(spec, start, end)))
    return rows
