"""The one clock. Edges (views, tasks, commands) read it once and pass ``now`` down; the core never calls it."""

from __future__ import annotations

from datetime import UTC, datetime


def utcnow() -> datetime:
    """The current instant, aware, in UTC."""
    return datetime.now(UTC)


def rfc3339(value: datetime | None, *, timespec: str = "auto") -> str | None:
    """*value* as RFC 3339 in UTC with ``Z`` (``timespec`` as in ``datetime.isoformat``), or None for None."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
