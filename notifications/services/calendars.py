"""Calendars: feeds out behind a secret address, and events in, as overrides of a schedule or time off of a person.

An import replaces what the same source brought before, as far as it lies ahead; what was stays. It goes by e-mail address:
the first attendee, else the organizer, else an address in the summary, who is a member of the workspace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import httpx
from django.db import transaction
from django.db.models.functions import Lower

from aiops.access.actors import Actor, Role
from aiops.access.models import User
from aiops.kernel import http, secrets
from aiops.kernel.errors import DomainError, InvalidInput, NotFound, NotPermitted
from incidents.services.catalogue import FreshKey
from notifications import oncall
from notifications.models import Override, PersonalCalendar, Schedule, TimeOff
from notifications.oncall import ical
from notifications.selectors.oncall import load, members_of, schedules_with
from notifications.services.overrides import user_of
from notifications.services.schedules import locked

BACK, AHEAD = timedelta(days=30), timedelta(days=180)
LONGEST_URL = 1000

Origin = Literal["url", "file"]


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a calendar: rows that stand now, and events that named nobody we know."""

    taken: int
    unknown: int


def feed(*, key: str, now: datetime) -> tuple[str, bytes]:
    """The name and the iCalendar text behind a feed's secret: all final shifts from 30 days back to 180 ahead. ``NotFound``."""
    digests = secrets.digests(key)
    if schedule := Schedule.objects.filter(feed_digest__in=digests).first():
        return schedule.name, ical.feed(f"On call: {schedule.name}", _entries([schedule], now), now)
    calendar = (
        PersonalCalendar.objects.filter(feed_digest__in=digests, user__is_active=True).select_related("user").first()
    )
    if calendar is None:
        raise NotFound("There is no such calendar")
    user = calendar.user
    entries = _entries(list(schedules_with(user.pk)), now, user.pk)
    return user.username, ical.feed(f"On call: {user.display_name}", entries, now)


def personal_calendar(*, user_id: int) -> PersonalCalendar:
    """A person's calendar, made when first asked for."""
    key = FreshKey.make()
    defaults = {"feed_digest": key.digest, "feed_sealed": key.sealed}
    return PersonalCalendar.objects.get_or_create(user_id=user_id, defaults=defaults)[0]


def renew_feed(*, actor: Actor, schedule_id: int | None = None) -> str:
    """A new address for a schedule's feed (admins), or without *schedule_id* for the actor's own; the old one is dead. Returns
    its secret."""
    with transaction.atomic():
        calendar = _calendar(actor, schedule_id)
        key = FreshKey.make()
        calendar.feed_digest, calendar.feed_sealed = key.digest, key.sealed
        calendar.save(update_fields=["feed_digest", "feed_sealed"])
    return calendar.feed_key


def set_import(*, actor: Actor, url: str, schedule_id: int | None = None) -> None:
    """Import from *url* from now on (empty: no more). Kept sealed: such addresses often are secrets. What was imported stays."""
    url = url.strip()
    if url.startswith("webcal://"):
        url = "https://" + url.removeprefix("webcal://")
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or len(url) > LONGEST_URL):
        raise InvalidInput("The address must begin with https:// or webcal://", field="import_url")
    with transaction.atomic():
        calendar = _calendar(actor, schedule_id)
        calendar.import_sealed = secrets.seal(url) if url else ""
        calendar.imported_at, calendar.import_error = None, ""
        calendar.save(update_fields=["import_sealed", "imported_at", "import_error"])


def import_text(
    *, actor: Actor, text: str, now: datetime, schedule_id: int | None = None, origin: Origin = "file"
) -> Imported:
    """Take the events of a calendar: overrides of a schedule (admins), or the actor's own time off. ``InvalidInput``."""
    with transaction.atomic():
        calendar = _calendar(actor, schedule_id)
        return _take(calendar, text, origin, actor.label, now)


def import_due(now: datetime) -> int:
    """Fetch every calendar that is imported from an address, and take what came; returns how many could be taken.

    Nothing is locked while the network is asked. What went wrong is kept beside the calendar for its owner to read.
    """
    done = 0
    for model in (Schedule, PersonalCalendar):
        for calendar in model.objects.exclude(import_sealed=""):
            error = ""
            try:
                text = _fetch(calendar.import_url)
                with transaction.atomic():
                    _take(calendar, text, "url", "calendar import", now)
                done += 1
            except DomainError as refusal:
                error = " ".join(filter(None, [refusal.message, refusal.details]))[:500]
            rows = model.objects.filter(pk=calendar.pk, import_sealed=calendar.import_sealed)
            rows.update(import_error=error, **({} if error else {"imported_at": now}))
    return done


def _fetch(url: str) -> str:
    """The text at *url*; whatever keeps it from us is a ``DomainError`` that its owner can read."""
    try:
        return http.fetch(url).decode("utf-8", "replace")
    except httpx.HTTPStatusError as error:
        raise InvalidInput(f"The calendar's server answered {error.response.status_code}", field="import_url") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        what = type(error).__name__  # never its text: that may hold the address, which is a secret
        raise InvalidInput(f"The calendar could not be fetched ({what})", field="import_url") from None


def _entries(schedules: Sequence[Schedule], now: datetime, user_id: int | None = None) -> list[ical.Entry]:
    start, end = now - BACK, now + AHEAD
    specs = load([schedule.pk for schedule in schedules], start, end)
    shifts = [
        (schedule, shift)
        for schedule in schedules
        for shift in oncall.final_schedule(specs[schedule.pk], start, end)
        if user_id is None or shift.user_id == user_id
    ]
    people = User.objects.in_bulk({shift.user_id for _, shift in shifts})
    return [_entry(schedule, shift, people[shift.user_id], user_id is not None) for schedule, shift in shifts]


def _entry(schedule: Schedule, shift: oncall.Shift, user: User, personal: bool) -> ical.Entry:
    why = {"override": "An override.", "layer": "A turn of the rotation.", "fallback": "Nobody else is on call."}
    return ical.Entry(
        uid=f"shift-{schedule.pk}-{user.pk}-{shift.start:%Y%m%dT%H%M%SZ}@aiops",
        summary=f"On call: {schedule.name}" if personal else f"{user.display_name} on call: {schedule.name}",
        description=why[shift.source],
        start=shift.start,
        end=shift.end,
        email=user.email,
        name=user.display_name,
    )


def _calendar(actor: Actor, schedule_id: int | None) -> Schedule | PersonalCalendar:
    if schedule_id is not None:
        schedule = locked(actor, schedule_id)
        if not actor.may(Role.ADMIN, schedule.workspace_id):
            raise NotPermitted("The calendars of a schedule are managed by admins of the workspace")
        return schedule
    if (user_id := user_of(actor)) is None:
        raise NotPermitted("Only people have a calendar of their own")
    personal_calendar(user_id=user_id)
    return PersonalCalendar.objects.select_for_update(no_key=True).select_related(None).get(user_id=user_id)


def _take(calendar: Schedule | PersonalCalendar, text: str, origin: Origin, by: str, now: datetime) -> Imported:
    zone = ZoneInfo(calendar.time_zone if isinstance(calendar, Schedule) else calendar.user.time_zone)
    events = [event for event in ical.read(text, zone, now, now + AHEAD) if event.end > now]
    if isinstance(calendar, PersonalCalendar):
        return _take_time_off(calendar.user_id, events, origin, now)
    return _take_overrides(calendar, events, origin, by, now)


def _take_overrides(schedule: Schedule, events: list[ical.Event], origin: Origin, by: str, now: datetime) -> Imported:
    emails = {email for event in events for email in event.emails}
    members = members_of(schedule.workspace_id).annotate(address=Lower("email")).filter(address__in=emails)
    ids = dict(members.order_by("-pk").values_list("address", "pk"))
    found = {f"{origin}:{event.uid}": (event, _first(event.emails, ids)) for event in events}
    known = {uid: (event, user_id) for uid, (event, user_id) in found.items() if user_id is not None}
    rows = {row.import_uid: row for row in _ahead(Override.objects.filter(schedule=schedule), origin, now)}
    for uid, row in rows.items():
        if uid not in known:
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
    return Imported(len(known), len(found) - len(known))


def _take_time_off(user_id: int, events: list[ical.Event], origin: Origin, now: datetime) -> Imported:
    _ahead(TimeOff.objects.filter(user=user_id), origin, now).delete()
    TimeOff.objects.bulk_create(
        TimeOff(
            user_id=user_id,
            starts_at=event.start,
            ends_at=event.end,
            reason=event.summary,
            import_uid=f"{origin}:{event.uid}",
            created_at=now,
        )
        for event in events
    )
    return Imported(len(events), 0)


def _ahead(rows, origin: Origin, now: datetime):  # type: ignore[no-untyped-def]
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
