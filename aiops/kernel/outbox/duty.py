"""The registry of timed work: what must be looked for whatever happens, and whose deadlines follow the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

QUEUES = ("paging", "long")  # each has processes of its own; standby keeps the duties of the first
Move = Callable[[timedelta, datetime], object]


def _nothing(by: timedelta, now: datetime) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """One kind of timed work. *task* is the name of the Celery task that looks for what is due and does it; beat sends it *every*
    so many seconds to *queue*. *clock_went_back(by, now)* moves deadlines after *now* back by *by*, when the database's clock was
    set back.
    """

    task: str
    every: float
    queue: str = "paging"
    clock_went_back: Move = _nothing


_duties: dict[str, Duty] = {}


def register(duty: Duty) -> None:
    """Have *duty* kept from now on (``AppConfig.ready``). Raises ``ValueError`` for an unknown queue, or a task that has one."""
    if duty.queue not in QUEUES:
        raise ValueError(f"{duty.task}: the queue must be one of {', '.join(QUEUES)}")
    if duty.task in _duties:
        raise ValueError(f"{duty.task} is registered twice")
    _duties[duty.task] = duty


def unregister(task: str) -> None:
    """Take a registration back (tests)."""
    del _duties[task]


def duties() -> tuple[Duty, ...]:
    """All that are registered."""
    return tuple(_duties.values())


def move_deadlines(by: timedelta, now: datetime) -> None:
    """The clock was set back: all deadlines go with it. In one transaction of the caller's."""
    for duty in duties():
        duty.clock_went_back(by, now)
