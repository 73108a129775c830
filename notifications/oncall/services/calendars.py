"""Verbs on calendars: feeds behind a secret address, and imports as overrides of a schedule or time off of a person.

An import replaces the future rows of its own source; past rows stay. ``notifications.oncall.ical`` says whom an event
puts on call and what is time off.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Q

from aiops.access.actors import SYSTEM, Actor, Role
from aiops.access.models import Membership, User
from aiops.audit.verbs import audited, changes
from aiops.kernel import secrets
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError, InvalidInput, NotFound, NotPermitted
from aiops.kernel.text import storable
from incidents.catalogue.services.catalogue import FreshKey
from incidents.upkeep.models import Trouble
from incidents.upkeep.services import upkeep
from notifications import oncall
from notifications.oncall import ical
from notifications.oncall.models import PersonalCalendar, Schedule
from notifications.oncall.selectors.names import named
from notifications.oncall.selectors.schedules import load, schedules_with
from notifications.oncall.services.calendar_events import Imported, Origin, take
from notifications.oncall.services.calendar_reading import Read, fetch, read
from notifications.oncall.services.overrides import user_of
from notifications.oncall.services.schedules import locked

log = logging.getLogger(__name__)

BACK, AHEAD = timedelta(days=30), timedelta(days=180)
LONGEST_URL = 1000
LONGEST_WORDS = 500  # of what went wrong


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


@audited("calendar.renew_feed")
def renew_feed(*, actor: Actor, schedule_id: int | None = None) -> str:
    """A new address for a schedule's feed (admins), or without *schedule_id* for the actor's own; the old one is dead. Returns
    its secret."""
    calendar = _calendar(actor, schedule_id)
    changes(calendar)
    key = FreshKey.make()
    calendar.feed_digest, calendar.feed_sealed = key.digest, key.sealed
    calendar.save(update_fields=["feed_digest", "feed_sealed"])
    return calendar.feed_key


@audited("calendar.set_import")
def set_import(*, actor: Actor, url: str, schedule_id: int | None = None) -> None:
    """Import from *url* from now on (empty: no more). Kept sealed: such addresses often are secrets. What was imported stays."""
    url = url.strip()
    if url.startswith("webcal://"):
        url = "https://" + url.removeprefix("webcal://")
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or len(url) > LONGEST_URL):
        raise InvalidInput("The address must begin with https:// or webcal://", field="import_url")
    calendar = _calendar(actor, schedule_id)
    changes(calendar)
    calendar.import_sealed = secrets.seal(url) if url else ""
    calendar.imported_at, calendar.import_tried_at, calendar.import_error, calendar.import_note = None, None, "", ""
    calendar.save(update_fields=["import_sealed", "imported_at", "import_tried_at", "import_error", "import_note"])
    upkeep.well(subject_of(calendar), utcnow())


def import_text(
    *, actor: Actor, text: str | bytes, now: datetime, schedule_id: int | None = None, origin: Origin = "file"
) -> Imported:
    """Take the events of a calendar: overrides of a schedule (admins), or the actor's own time off. ``InvalidInput``.

    It is read before anything is locked.
    """
    with transaction.atomic():
        calendar = _calendar(actor, schedule_id)
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    found = read(data, _zone(calendar), now, now + AHEAD)
    return _take(actor=actor, schedule_id=schedule_id, found=found, origin=origin, now=now)


@audited("calendar.import")
def _take(*, actor: Actor, schedule_id: int | None, found: Read, origin: Origin, now: datetime) -> Imported:
    return take(_calendar(actor, schedule_id), found, origin, actor.label, now)


def import_due(now: datetime, *, every: timedelta = timedelta(0), seconds: float = 45.0) -> int:
    """Fetch the calendars that are imported from an address and were not looked at for *every*, those left longest first; returns
    how many could be taken. It begins none after *seconds*: what is left is due next time.

    Each stands alone. Nothing is locked while the network is asked, and while what came is read. What went wrong is kept beside
    the calendar for its owner to read, and after a day of it an incident tells (``upkeep``).
    """
    due = Q(import_tried_at=None) | Q(import_tried_at__lte=now - every)
    waiting: list[Schedule | PersonalCalendar] = [
        *Schedule.objects.filter(due).exclude(import_sealed=""),
        *PersonalCalendar.objects.filter(due).exclude(import_sealed="").select_related("user"),
    ]
    waiting.sort(key=lambda calendar: calendar.import_tried_at or datetime.min.replace(tzinfo=UTC))
    until = time.monotonic() + seconds
    begun = itertools.takewhile(lambda _: time.monotonic() < until, waiting)
    return upkeep.each(begun, partial(_import, now=now), of=subject_of, now=now)


def trouble_of(calendar: Schedule | PersonalCalendar) -> Trouble | None:
    """Since when the import of a calendar fails; None: it does not."""
    return upkeep.trouble(subject_of(calendar).key) if calendar.import_sealed else None


def subject_of(calendar: Schedule | PersonalCalendar) -> upkeep.Subject:
    """As what a calendar is known when its import fails. A person's belongs to the first of their workspaces."""
    if isinstance(calendar, Schedule):
        what = f"The calendar of the schedule {calendar.name}"
        return upkeep.Subject(f"calendar:schedule:{calendar.pk}", what, calendar.workspace_id)
    first = Membership.objects.filter(user=calendar.user_id).order_by("workspace_id").first()
    what = f"The calendar of {calendar.user.display_name}"
    return upkeep.Subject(f"calendar:person:{calendar.user_id}", what, first.workspace_id if first else None)


def _import(calendar: Schedule | PersonalCalendar, now: datetime) -> None:
    rows = type(calendar)._default_manager.filter(pk=calendar.pk, import_sealed=calendar.import_sealed)
    rows.update(import_tried_at=now)
    try:
        found = read(fetch(calendar.import_url), _zone(calendar), now, now + AHEAD)
        with transaction.atomic():
            if (current := rows.select_for_update(no_key=True).first()) is None:
                return  # another address by now, or none
            took = _take_fetched(actor=SYSTEM, calendar=current, found=found, now=now)
            note = storable(took.complaint, LONGEST_WORDS)
            rows.update(imported_at=now, import_error="", import_note=note)
    except DomainError as refusal:
        words = " ".join(filter(None, [refusal.message, refusal.details]))
        rows.update(import_error=storable(words, LONGEST_WORDS))
        raise
    except Exception as error:
        log.exception("%s could not be taken", subject_of(calendar).what)
        words = f"It could not be taken ({type(error).__name__})"
        rows.update(import_error=words)
        raise InvalidInput(words, field="calendar") from error


@audited("calendar.import")
def _take_fetched(*, actor: Actor, calendar: Schedule | PersonalCalendar, found: Read, now: datetime) -> Imported:
    return take(calendar, found, "url", "calendar import", now)


def _entries(schedules: Sequence[Schedule], now: datetime, user_id: int | None = None) -> list[ical.Entry]:
    start, end = now - BACK, now + AHEAD
    specs = load([schedule.pk for schedule in schedules], start, end, now)
    shifts = [
        (schedule, shift)
        for schedule in schedules
        for shift in oncall.final_schedule(specs[schedule.pk], start, end)
        if user_id is None or shift.user_id == user_id
    ]
    people = named(shift.user_id for _, shift in shifts)
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


def _zone(calendar: Schedule | PersonalCalendar) -> str:
    return calendar.time_zone if isinstance(calendar, Schedule) else calendar.user.time_zone


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
