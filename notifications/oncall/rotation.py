"""The rotation of one layer: whose turn it is, and when. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from notifications.choices import RotationUnit
from notifications.oncall.values import FUTURE, PAST, LayerSpec, Restriction, Stretch
from notifications.oncall.wall import add_months, instant_of, wall_of

DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)
REACH = (
    2 * WEEK + DAY
)  # a stretch of restrictions that are not round the clock is shorter, even if a clock change shuts a hole
DAYS_IN = {RotationUnit.DAY: 1, RotationUnit.WEEK: 7}


@dataclass(frozen=True, slots=True)
class Turn:
    """*index* is the place in the rotation of whoever has it."""

    start: datetime
    end: datetime
    index: int


def turns(layer: LayerSpec, start: datetime, end: datetime) -> Iterator[Turn]:
    """The turns that touch the stretch, in order and whole, whatever the restrictions. One member alone never hands over."""
    first, last = layer.begins, layer.ends_at or FUTURE
    start, end = max(start, first), min(end, last)
    if not layer.members or start >= end:
        return
    if len(layer.members) == 1:
        yield Turn(first, last, 0)
        return
    number = number_at(layer, start)
    begins = begin_of(layer, number)
    while begins < end:
        ends = begin_of(layer, number + 1)
        if ends > begins:  # a whole day can be skipped where a zone moved over the date line
            yield Turn(max(begins, first), min(ends, last), (number + layer.offset) % len(layer.members))
        number, begins = number + 1, ends


def stretches(layer: LayerSpec, start: datetime, end: datetime) -> list[Stretch]:
    """When the restrictions let the layer be on, joined, over the days that touch the stretch. Unclipped at both ends."""
    if not layer.restrictions or _round_the_clock(layer.restrictions):
        return [(PAST, FUTURE)]
    return stretches_of(layer.restrictions, layer.zone, start, end)


def stretches_of(rules: Iterable[Restriction], zone: ZoneInfo, start: datetime, end: datetime) -> list[Stretch]:
    """When the rules say so on the clock of the zone, joined, over the days that touch the stretch. Unclipped at both ends."""
    walls = _wall_stretches(tuple(rules), wall_of(start, zone), wall_of(end, zone))
    return joined((instant_of(on, zone), instant_of(off, zone)) for on, off in walls)


def slices(layer: LayerSpec, start: datetime, end: datetime) -> Iterator[Turn]:
    """The turns as the restrictions leave them, clipped to the stretch, in order."""
    allowed = stretches(layer, start, end)
    ends = [stretch[1] for stretch in allowed]
    for turn in turns(layer, start, end):
        begins, stops = max(turn.start, start), min(turn.end, end)
        for on, off in allowed[bisect_right(ends, begins) :]:
            if on >= stops:
                break
            yield Turn(max(begins, on), min(stops, off), turn.index)


def around(layer: LayerSpec, at: datetime) -> tuple[datetime, datetime, int | None]:
    """From when until when the layer is at *at* as it is, and whose turn it is (None: nobody's)."""
    if not layer.members or layer.begins >= (layer.ends_at or FUTURE):
        return PAST, FUTURE, None
    if at < layer.begins:
        return PAST, layer.begins, None
    if layer.ends_at is not None and at >= layer.ends_at:
        return layer.ends_at, FUTURE, None
    allowed = stretches(layer, at - REACH, at + REACH)
    place = bisect_right([on for on, _ in allowed], at) - 1
    if place >= 0 and at < allowed[place][1]:
        on, off = allowed[place]
        turn = next(turns(layer, at, at + timedelta.resolution))
        begins, ends, there = _presence(layer, turn.index, at)
        return max(turn.start, on, begins), min(turn.end, off, ends), turn.index if there else None
    off = allowed[place][1] if place >= 0 else PAST
    on = allowed[place + 1][0] if place + 1 < len(allowed) else FUTURE
    return max(off, layer.begins), min(on, layer.ends_at or FUTURE), None


def there(layer: LayerSpec, turn: Turn) -> list[Stretch]:
    """What of a turn its member was there for, in order."""
    user_id = layer.members[turn.index]
    return without(layer.gone.get(user_id, ()), turn.start, turn.end) if user_id is not None else []


def without(taken: Iterable[Stretch], start: datetime, end: datetime) -> list[Stretch]:
    """What some stretches, which are sorted and apart, leave of the time from *start* to *end*."""
    found = []
    for on, off in taken:
        if start < min(on, end):
            found.append((start, min(on, end)))
        start = max(start, off)
    return [*found, (start, end)] if start < end else found


def _presence(layer: LayerSpec, index: int, at: datetime) -> tuple[datetime, datetime, bool]:
    """From when until when the member is there, or is not, as at *at*."""
    if (user_id := layer.members[index]) is None:
        return PAST, FUTURE, False
    start, end = PAST, FUTURE
    for left, back in layer.gone.get(user_id, ()):
        if left <= at < back:
            return left, back, False
        if back <= at:
            start = max(start, back)
        else:
            end = min(end, left)
    return start, end, True


def begin_of(layer: LayerSpec, number: int) -> datetime:
    """When the turn *number* (from 0) begins, however many people take turns."""
    steps = number * layer.length
    if number == 0:
        return layer.starts_at
    if layer.unit == RotationUnit.HOUR:
        return layer.starts_at + timedelta(hours=steps)
    zone = layer.zone
    first = wall_of(layer.starts_at, zone)
    if layer.unit == RotationUnit.MONTH:
        return instant_of(datetime.combine(add_months(first.date(), steps), first.time()), zone)
    return instant_of(first + timedelta(days=steps * DAYS_IN[layer.unit]), zone)


def number_at(layer: LayerSpec, at: datetime) -> int:
    """The number of the turn that is on at *at*, which is not before the first: guessed from the calendar, then made exact."""
    if layer.unit == RotationUnit.HOUR:
        return (at - layer.starts_at) // timedelta(hours=layer.length)
    first, there = wall_of(layer.starts_at, layer.zone), wall_of(at, layer.zone)
    if layer.unit == RotationUnit.MONTH:
        number = ((there.year - first.year) * 12 + there.month - first.month) // layer.length
    else:
        number = (there.date() - first.date()).days // (layer.length * DAYS_IN[layer.unit])
    while number > 0 and begin_of(layer, number) > at:
        number -= 1
    while begin_of(layer, number + 1) <= at:
        number += 1
    return number


@lru_cache(maxsize=256)
def _round_the_clock(restrictions: tuple[Restriction, ...]) -> bool:
    """Whether they restrict nothing at all."""
    monday = datetime(2001, 1, 1)  # noqa: DTZ001 (wall clock)
    week = joined(_wall_stretches(restrictions, monday, monday + WEEK))
    return any(on <= monday and off >= monday + WEEK for on, off in week)


def _wall_stretches(restrictions: Iterable[Restriction], start: datetime, end: datetime) -> Iterator[Stretch]:
    """On the wall clock, every stretch that may touch the days from *start* to *end*."""
    day = start.date() - DAY
    while day <= end.date():
        for rule in restrictions:
            if not rule.days or day.weekday() in rule.days:
                overnight = rule.ends <= rule.begins
                yield datetime.combine(day, rule.begins), datetime.combine(day + DAY * overnight, rule.ends)
        day += DAY


def joined(found: Iterable[Stretch]) -> list[Stretch]:
    """Sorted, without overlaps, neighbours that touch as one, empty ones left out."""
    result: list[Stretch] = []
    for on, off in sorted(found):
        if on >= off:
            continue
        if result and on <= result[-1][1]:
            result[-1] = (result[-1][0], max(result[-1][1], off))
        else:
            result.append((on, off))
    return result
