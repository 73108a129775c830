"""Imported calendar events as rows: overrides of a schedule, or a person's time off.

An import replaces the future rows of its own source. Past rows stay, and so do rows whose event can't be read any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db.models import QuerySet
from django.db.models.functions import Lower

from aiops.audit.recording import Object
from aiops.audit.snapshot import plain
from aiops.audit.verbs import about, says
from notifications.oncall.ical import Event
from notifications.oncall.models import Override, PersonalCalendar, Schedule, TimeOff
from notifications.oncall.selectors.schedules import members_of
from notifications.oncall.services.calendar_reading import Read

Origin = Literal["url", "file"]


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a calendar: rows that stand now, events that named nobody we know, and what was left out, in words."""

    taken: int
    unknown: int
    complaint: str = ""


def take(calendar: Schedule | PersonalCalendar, found: Read, origin: Origin, by: str, now: datetime) -> Imported:
    """Write what was read, in an audited verb; the caller holds the calendar's lock."""
    kept = tuple(f"{origin}:{odd.uid}/" for odd in found.odd)
    events = [event for event in found.events if event.end > now]
    about(Object.of(calendar), {"ahead": _told(calendar, origin, now)})
    if isinstance(calendar, PersonalCalendar):
        taken, unknown = _take_time_off(calendar, events, origin, kept, now), 0
    else:
        taken, unknown = _take_overrides(calendar, events, origin, kept, by, now)
    says(ahead=_told(calendar, origin, now))
    return Imported(taken, unknown, found.complaint)


def _told(calendar: Schedule | PersonalCalendar, origin: Origin, now: datetime) -> list[dict[str, Any]]:
    """What the audit says of the events of *origin* that lie ahead."""
    if isinstance(calendar, PersonalCalendar):
        rows: Sequence[Override | TimeOff] = list(_ahead(TimeOff.objects.filter(user=calendar.user_id), origin, now))
    else:
        rows = list(_ahead(Override.objects.filter(schedule=calendar), origin, now))
    told = [{"user": row.user_id, "starts_at": plain(row.starts_at), "ends_at": plain(row.ends_at)} for row in rows]
    return sorted(told, key=lambda one: (one["ends_at"], one["starts_at"], str(one["user"])))


def _take_overrides(
    schedule: Schedule, events: Sequence[Event], origin: Origin, kept: tuple[str, ...], by: str, now: datetime
) -> tuple[int, int]:
    shifts = {f"{origin}:{event.uid}": event for event in events if event.is_shift}
    emails = {email for event in shifts.values() for email in event.on_call}
    members = members_of(schedule.workspace_id).annotate(address=Lower("email")).filter(address__in=emails)
    ids = dict(members.order_by("-pk").values_list("address", "pk"))
    found = {uid: (event, _first(event.on_call, ids)) for uid, event in shifts.items()}
    known = {uid: (event, user_id) for uid, (event, user_id) in found.items() if user_id is not None}
    rows = {row.import_uid: row for row in _ahead(Override.objects.filter(schedule=schedule), origin, now)}
    for uid, row in rows.items():
        if uid not in known and not uid.startswith(kept):
            _end(row, now)
    made = []
    for uid, (event, user_id) in known.items():
        row = rows.get(uid)
        if row is not None and (row.user_id, row.ends_at) == (user_id, event.end):
            continue
        if row is not None:
            _end(row, now)
        made.append(
            Override(
                schedule=schedule,
                user_id=user_id,
                starts_at=max(event.start, now),
                ends_at=event.end,
                reason=event.summary,
                created_by=by[:254],
                created_at=now,
                import_uid=uid,
            )
        )
    Override.objects.bulk_create(made)
    return len(known), len(found) - len(known)


def _take_time_off(
    calendar: PersonalCalendar, events: Sequence[Event], origin: Origin, kept: tuple[str, ...], now: datetime
) -> int:
    rows = _ahead(TimeOff.objects.filter(user=calendar.user_id), origin, now)
    rows.filter(pk__in=[row.pk for row in rows if not row.import_uid.startswith(kept)]).delete()
    away = {f"{origin}:{event.uid}": event for event in events if event.takes_off(calendar.user.email)}
    left = set(_ahead(TimeOff.objects.filter(user=calendar.user_id), origin, now).values_list("import_uid", flat=True))
    TimeOff.objects.bulk_create(
        TimeOff(
            user_id=calendar.user_id,
            starts_at=event.start,
            ends_at=event.end,
            reason=event.summary,
            import_uid=uid,
            created_at=now,
        )
        for uid, event in away.items()
        if uid not in left
    )
    return len(away)


def _ahead(rows: QuerySet[Any], origin: Origin, now: datetime) -> QuerySet[Any]:
    """What the same source brought and is not over."""
    return rows.filter(import_uid__startswith=f"{origin}:", ends_at__gt=now)


def _end(row: Override, now: datetime) -> None:
    """It is no more; what of it was, stays."""
    if row.starts_at >= now:
        row.delete()
    else:
        Override.objects.filter(pk=row.pk).update(ends_at=now)


def _first(emails: Sequence[str], ids: dict[str, int]) -> int | None:
    return next((ids[email] for email in emails if email in ids), None)
