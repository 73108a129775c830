"""The load of on-call duty for each person. Pure. Nights are 22:00 to 06:00 and weekends Saturday and Sunday, in the
person's zone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from notifications.oncall.rotation import Stretch, joined, stretches_of
from notifications.oncall.values import Restriction, Shift

NIGHTS = (Restriction(frozenset(), time(22), time(6)),)
WEEKENDS = (Restriction(frozenset({5, 6}), time(0), time(0)),)
SAME_WAKING = timedelta(hours=1)  # a page so soon after another one of the night wakes nobody who is awake


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one person bore. Times are lengths of time; a person on two schedules at once is on call once."""

    user_id: int
    total: timedelta
    nights: timedelta
    weekends: timedelta
    shifts: int
    pages: int
    interruptions: int  # of sleep


def loads(
    shifts: Iterable[Shift],
    paged: Mapping[int, Iterable[datetime]],
    zones: Mapping[int, str],
    start: datetime,
    end: datetime,
) -> list[Load]:
    """One per person of *zones* (user id → zone), most hours first. *paged*: when each was paged, each page once."""
    mine: dict[int, list[Shift]] = {user_id: [] for user_id in zones}
    for shift in shifts:
        if shift.user_id in mine:
            mine[shift.user_id].append(shift)
    found = [
        _load(user_id, mine[user_id], sorted(paged.get(user_id, ())), ZoneInfo(zone), start, end)
        for user_id, zone in zones.items()
    ]
    return sorted(found, key=lambda load: (-load.total, -load.pages, load.user_id))


def _load(
    user_id: int, shifts: list[Shift], pages: list[datetime], zone: ZoneInfo, start: datetime, end: datetime
) -> Load:
    held = joined((shift.start, shift.end) for shift in shifts)
    nights = stretches_of(NIGHTS, zone, start, end)
    return Load(
        user_id=user_id,
        total=sum((off - on for on, off in held), timedelta()),
        nights=_overlap(held, nights),
        weekends=_overlap(held, stretches_of(WEEKENDS, zone, start, end)),
        shifts=len(shifts),
        pages=len(pages),
        interruptions=_wakings([at for at in pages if _within(nights, at)]),
    )


def _overlap(first: list[Stretch], second: list[Stretch]) -> timedelta:
    total, ends = timedelta(), [off for _, off in second]
    for on, off in first:
        for begins, stops in second[bisect_right(ends, on) :]:
            if begins >= off:
                break
            total += min(off, stops) - max(on, begins)
    return total


def _within(stretches: list[Stretch], at: datetime) -> bool:
    place = bisect_right(stretches, at, key=lambda stretch: stretch[0]) - 1
    return place >= 0 and at < stretches[place][1]


def _wakings(pages: list[datetime]) -> int:
    return sum(1 for n, at in enumerate(pages) if n == 0 or at - pages[n - 1] > SAME_WAKING)
