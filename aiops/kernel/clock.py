"""The clock of the platform. Views, tasks and commands read it once and pass ``now`` down; services never read it.

It follows PostgreSQL's clock (``timekeeper``), so that all processes and machines agree. It runs steadily when somebody
sets the machine's wall clock.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_SOURCE = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on also while the machine sleeps


def _steady() -> float:
    return time.clock_gettime(_SOURCE)


_began = _anchor = (datetime.now(UTC), _steady())  # an instant, and what the steady clock showed then


def utcnow() -> datetime:
    """The current instant, aware, in UTC."""
    at, shown = _anchor
    return at + timedelta(seconds=_steady() - shown)


def unset_now() -> datetime:
    """Like :func:`utcnow`, but nobody ever sets it: for what happens every so many seconds whatever time it is."""
    at, shown = _began
    return at + timedelta(seconds=_steady() - shown)


def follow(told: datetime) -> None:
    """It is *told* now."""
    global _anchor
    _anchor = (told, _steady())


def rfc3339(value: datetime | None, *, timespec: str = "auto") -> str | None:
    """*value* as RFC 3339 in UTC with ``Z`` (``timespec`` as in ``datetime.isoformat``), or None for None."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
