"""Weekly partitions of the alert table: created ahead, dropped when their retention is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

WEEK = timedelta(days=7)
AHEAD = 4  # weeks
_LOCK = 0x41_4C_45_52  # advisory lock: one process at a time changes the partitions


def monday(at: datetime) -> datetime:
    """The Monday 00:00 UTC that begins the week of *at*."""
    at = at.astimezone(UTC)
    return datetime(at.year, at.month, at.day, tzinfo=UTC) - timedelta(days=at.weekday())


def maintain(now: datetime, retention: timedelta) -> tuple[list[str], list[str]]:
    """Make the partitions from this week to four weeks ahead and drop those wholly older than *retention*.

    Returns the names (made, dropped). A week whose rows already lie in the default partition is left there.
    """
    made, dropped = [], []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'incidents_alert'::regclass")
        existing = {row[0] for row in cursor.fetchall()}
        for week in range(AHEAD + 1):
            start = monday(now) + week * WEEK
            name = f"incidents_alert_{start:%Y%m%d}"
            if name in existing or _in_default(cursor, start):
                continue
            cursor.execute(
                f"CREATE TABLE {name} PARTITION OF incidents_alert FOR VALUES FROM (%s) TO (%s)", [start, start + WEEK]
            )
            made.append(name)
        for name in sorted(existing - {"incidents_alert_default"}):
            start = datetime.strptime(name.rpartition("_")[2], "%Y%m%d").replace(tzinfo=UTC)
            if start + WEEK < now - retention:
                cursor.execute(f"DROP TABLE {name}")
                dropped.append(name)
        cursor.execute("DELETE FROM incidents_alert_default WHERE received_at < %s", [now - retention])
    return made, dropped


def _in_default(cursor: object, start: datetime) -> bool:
    cursor.execute(  # type: ignore[attr-defined]
        "SELECT EXISTS (SELECT FROM incidents_alert_default WHERE received_at >= %s AND received_at < %s)",
        [start, start + WEEK],
    )
    return bool(cursor.fetchone()[0])  # type: ignore[attr-defined]
