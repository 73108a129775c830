"""The difference between two schedules: stretches of time that change hands. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from notifications.oncall.values import Shift


@dataclass(frozen=True, slots=True)
class Change:
    """From *start* to *end* the person *becomes* has it, not *was* (None: nobody)."""

    start: datetime
    end: datetime
    was: int | None
    becomes: int | None


def changes(before: Sequence[Shift], after: Sequence[Shift]) -> list[Change]:
    """In order; neighbours with the same people as one."""
    edges = sorted({edge for shift in (*before, *after) for edge in (shift.start, shift.end)})
    found: list[Change] = []
    for start, end in itertools.pairwise(edges):
        was, becomes = _holder(before, start), _holder(after, start)
        if was == becomes:
            continue
        last = found[-1] if found else None
        if last is not None and last.end == start and (last.was, last.becomes) == (was, becomes):
            found[-1] = Change(last.start, end, was, becomes)
        else:
            found.append(Change(start, end, was, becomes))
    return found


def _holder(shifts: Iterable[Shift], at: datetime) -> int | None:
    return next((shift.user_id for shift in shifts if shift.start <= at < shift.end), None)
