"""Conflicts: shifts that fall into their holder's time off."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from notifications.oncall.values import Shift


@dataclass(frozen=True, slots=True)
class Away:
    """A person is away, half-open."""

    user_id: int
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Conflict:
    """*user_id* is on call from *start* to *end*, and away."""

    schedule_id: int
    user_id: int
    start: datetime
    end: datetime


def conflicts(schedule_id: int, shifts: Iterable[Shift], away: Iterable[Away]) -> list[Conflict]:
    """Where they overlap, by time."""
    absences = list(away)
    found = [
        Conflict(schedule_id, shift.user_id, max(shift.start, absence.start), min(shift.end, absence.end))
        for shift in shifts
        for absence in absences
        if absence.user_id == shift.user_id and absence.start < shift.end and absence.end > shift.start
    ]
    return sorted(found, key=lambda conflict: conflict.start)
