"""The final schedule: overrides over layers over the fallback person, with at most one holder at any instant. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from notifications.oncall.rotation import around, slices, there
from notifications.oncall.values import FUTURE, PAST, LayerSpec, OverrideSpec, ScheduleSpec, Shift, Span


def on_call(schedule: ScheduleSpec, at: datetime) -> Shift | None:
    """Who has it at *at*; None: nobody. The shift's ends are real (PAST, FUTURE where there is none), not those of a view; where
    somebody who left would have a turn in a layer above, no later than that turn's."""
    at = at.astimezone(UTC)
    start, end, override = _override_around(schedule.overrides, at)
    if override is not None:
        return Shift(override.user_id, start, end, "override", override_id=override.id)
    for layer in reversed(schedule.layers):
        begins, ends, index = around(layer, at)
        start, end = max(start, begins), min(end, ends)
        if index is not None and (user_id := layer.members[index]) is not None:
            return Shift(user_id, start, end, "layer", layer.id, index)
    user_id, until = schedule.stand_in(at)
    start = max([start, *(edge for _, edge in schedule.stand_ins if edge <= at)])
    return Shift(user_id, start, min(end, until), "fallback") if user_id is not None else None


def final_schedule(schedule: ScheduleSpec, start: datetime, end: datetime) -> list[Shift]:
    """All shifts from *start* up to *end*, in order, clipped to them, without overlaps."""
    shifts, holes = _painted(schedule, start, end)
    shifts += (Shift(user_id, on, off, "fallback") for user_id, on, off in holes if user_id is not None)
    return sorted(shifts, key=lambda shift: shift.start)


def upcoming(schedule: ScheduleSpec, start: datetime, end: datetime) -> list[Shift]:
    """As :func:`final_schedule`, but the last one goes on to its own end, however far behind *end* that lies."""
    shifts = final_schedule(schedule, start, end)
    last = on_call(schedule, end - timedelta.resolution) if shifts and shifts[-1].end >= end else None
    return [*shifts[:-1], replace(shifts[-1], end=max(end, last.end))] if last is not None else shifts


def gaps(schedule: ScheduleSpec, start: datetime, end: datetime) -> list[Span]:
    """Where no override and no layer has anybody, in order."""
    _, holes = _painted(schedule, start, end)
    return [Span(on, off, user_id is not None) for user_id, on, off in holes]


def layer_shifts(layer: LayerSpec, start: datetime, end: datetime) -> list[Shift]:
    """What one layer says for itself, whatever lies over it."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    return [
        Shift(user_id, on, off, "layer", layer.id, turn.index)
        for turn in slices(layer, start, end)
        for on, off in there(layer, turn)
        if (user_id := layer.members[turn.index]) is not None
    ]


def rotation_index(schedule: ScheduleSpec, at: datetime) -> int | None:
    """Whose turn it would be without overrides: the place in the topmost layer that is on; None: no layer is."""
    shift = on_call(replace(schedule, overrides=(), fallback_id=None, stand_ins=()), at)
    return shift.index if shift else None


def _painted(
    schedule: ScheduleSpec, start: datetime, end: datetime
) -> tuple[list[Shift], list[tuple[int | None, datetime, datetime]]]:
    """Shifts of overrides and layers, unsorted, and what they leave free, sorted, with the fallback person of the time."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    free = _Free(start, end)
    shifts: list[Shift] = []
    for shift in _top_first(schedule, start, end):
        for on, off in free.take(shift.start, shift.end):
            whole = on == shift.start and off == shift.end
            shifts.append(shift if whole else replace(shift, start=on, end=off))
    since = schedule.since or PAST
    return shifts, [
        piece for on, off in free.spans() if off > since for piece in _stood_in(schedule, max(on, since), off)
    ]


def _stood_in(
    schedule: ScheduleSpec, start: datetime, end: datetime
) -> Iterator[tuple[int | None, datetime, datetime]]:
    while start < end:
        user_id, until = schedule.stand_in(start)
        yield user_id, start, min(until, end)
        start = until


def _top_first(schedule: ScheduleSpec, start: datetime, end: datetime) -> Iterator[Shift]:
    for override in reversed(schedule.overrides):
        if override.starts_at < end and override.ends_at > start:
            yield Shift(override.user_id, override.starts_at, override.ends_at, "override", override_id=override.id)
    for layer in reversed(schedule.layers):
        yield from layer_shifts(layer, start, end)


def _override_around(overrides: Iterable[OverrideSpec], at: datetime) -> tuple[datetime, datetime, OverrideSpec | None]:
    """From when until when the overrides are at *at* as they are, and the one that holds (None: none does)."""
    start, end, holder = PAST, FUTURE, None
    for override in reversed(tuple(overrides)):
        if override.ends_at <= at:
            start = max(start, override.ends_at)
        elif override.starts_at > at:
            end = min(end, override.starts_at)
        else:
            holder = override
            start, end = max(start, override.starts_at), min(end, override.ends_at)
            break  # those made earlier lie under it
    return start, end, holder


class _Free:
    """What nobody has yet of a stretch, as two sorted lists of ends."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self._starts, self._ends = ([start], [end]) if start < end else ([], [])

    def spans(self) -> list[tuple[datetime, datetime]]:
        """What is left."""
        return list(zip(self._starts, self._ends, strict=True))

    def take(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """Take what is free between *start* and *end*; returns it."""
        first, last = bisect_right(self._ends, start), bisect_left(self._starts, end)
        if first >= last:
            return []
        taken = [
            (max(on, start), min(off, end))
            for on, off in zip(self._starts[first:last], self._ends[first:last], strict=True)
        ]
        before = [(self._starts[first], start)] if self._starts[first] < start else []
        after = [(end, self._ends[last - 1])] if self._ends[last - 1] > end else []
        left = before + after
        self._starts[first:last] = [on for on, _ in left]
        self._ends[first:last] = [off for _, off in left]
        return taken
