"""Wall-clock times of a zone, turned into instants.

The mapping never runs backwards, so stretches that join on the clock join in time as well. A time that is skipped when
clocks go forward becomes the instant of the change; a time that happens twice, its first occurrence.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

SECOND = timedelta(seconds=1)


def wall_of(at: datetime, zone: ZoneInfo) -> datetime:
    """What the clock in *zone* shows at the instant *at*, without a zone."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def instant_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which the clock in *zone* shows *wall* or, if it never does, jumps over it."""
    instant = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if wall_of(instant, zone) == wall:
        return instant
    # Skipped: the jump lies between what the offset after it and the offset before it make of the same time.
    before, after = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), instant
    while after - before > SECOND:
        middle = before + (after - before) // 2
        if wall_of(middle, zone) < wall:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def add_months(day: date, months: int) -> date:
    """The same day *months* later, or the last one of that month if it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return day.replace(year=year, month=month + 1, day=min(day.day, monthrange(year, month + 1)[1]))
