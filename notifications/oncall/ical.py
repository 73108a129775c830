"""Calendars in and out: shifts as iCalendar, and iCalendar as events with the people in them. Text in, values out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

from aiops.kernel.errors import InvalidInput
from notifications.oncall.wall import instant_of

LONGEST_TEXT = 2 * 1024 * 1024  # characters
MOST_EVENTS = 2000
MOST_RULES = 500
EVERY = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
OLDEST = 1970  # of an event that repeats
ADDRESS = re.compile(r"[^\s<>()\[\],;:\"]+@[^\s<>()\[\],;:\"]+\.[^\s<>()\[\],;:\".]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A shift as a calendar shows it. *uid* stays the same as long as the shift does."""

    uid: str
    summary: str
    description: str
    start: datetime
    end: datetime
    email: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One occurrence of somebody's event. *uid* tells it from its repetitions; *emails*: attendees, organizer, the summary's."""

    uid: str
    start: datetime
    end: datetime
    summary: str
    emails: tuple[str, ...]


def feed(name: str, entries: Iterable[Entry], now: datetime) -> bytes:
    """A calendar called *name*. Asks subscribers to look again every quarter of an hour."""
    calendar = icalendar.Calendar()
    for key, value in {
        "prodid": "-//aiops//on-call//EN",
        "version": "2.0",
        "method": "PUBLISH",
        "x-wr-calname": name,
        "x-published-ttl": "PT15M",
    }.items():
        calendar.add(key, value)
    for entry in entries:
        event = icalendar.Event()
        event.add("uid", entry.uid)
        event.add("dtstamp", now.replace(microsecond=0))
        event.add("dtstart", entry.start)
        event.add("dtend", entry.end)
        event.add("summary", entry.summary)
        event.add("description", entry.description)
        event.add("transp", "TRANSPARENT")
        if entry.email:
            attendee = icalendar.vCalAddress(f"mailto:{entry.email}")
            attendee.params["cn"] = icalendar.vText(entry.name)
            event.add("attendee", attendee)
        calendar.add_component(event)
    return calendar.to_ical()


def read(text: str, zone: ZoneInfo, start: datetime, end: datetime) -> list[Event]:
    """Every occurrence that touches the stretch, by time. Times without a zone, and whole days, are *zone*'s.

    Raises ``InvalidInput`` (field ``calendar``) when it is none, or holds more than can be meant.
    """
    if len(text) > LONGEST_TEXT:
        raise InvalidInput("The calendar is too long: at most 2 MiB", field="calendar")
    try:
        calendar = icalendar.Calendar.from_ical(text)
        _check_rules(calendar)
        found = recurring_ical_events.of(calendar, components=["VEVENT"]).between(start, end)
        if len(found) > MOST_EVENTS:
            raise InvalidInput(f"The calendar has more than {MOST_EVENTS} events", field="calendar")
        events = [event for item in found if (event := _event(item, zone))]
    except InvalidInput:
        raise
    except Exception as error:  # noqa: BLE001 (the parser meets what anybody wrote, and raises whatever it trips over)
        raise InvalidInput(
            "This is no iCalendar that can be read", details=str(error)[:200], field="calendar"
        ) from None
    return sorted(events, key=lambda event: (event.start, event.uid))


def _check_rules(calendar: icalendar.Calendar) -> None:
    """A line of text can ask for millions of occurrences: such rules are refused before anything is counted out."""
    repeating: list[Any] = [event for event in calendar.walk("VEVENT") if "RRULE" in event]
    if len(repeating) > MOST_RULES:
        raise InvalidInput(f"The calendar has more than {MOST_RULES} events that repeat", field="calendar")
    for event in repeating:
        rules = event["RRULE"]
        for rule in rules if isinstance(rules, list) else [rules]:
            parts = {str(name).upper(): values for name, values in rule.items()}
            daily = {str(word).upper() for word in parts.get("FREQ", [])} <= EVERY
            once = all(len(parts.get(name, [])) <= 1 for name in ("BYHOUR", "BYMINUTE", "BYSECOND"))
            steps = all(int(step) > 0 for step in parts.get("INTERVAL", []))
            if not (daily and once and steps and event.start.year >= OLDEST):
                raise InvalidInput(
                    f"An event of the calendar repeats more than daily, or began before {OLDEST}", field="calendar"
                )


def _event(item: Any, zone: ZoneInfo) -> Event | None:
    start, end = _instant(item.start, zone), _instant(item.end, zone)
    if end <= start or str(item.get("STATUS", "")).upper() == "CANCELLED":
        return None
    summary = str(item.get("SUMMARY", ""))
    return Event(
        uid=f"{item.get('UID', summary)}/{start:%Y%m%dT%H%M%SZ}"[:480],
        start=start,
        end=end,
        summary=summary[:500],
        emails=tuple(dict.fromkeys(_emails(item, summary))),
    )


def _emails(item: Any, summary: str) -> Iterable[str]:
    for name in ("ATTENDEE", "ORGANIZER"):
        values = item.get(name, [])
        for value in values if isinstance(values, list) else [values]:
            yield str(value).lower().removeprefix("mailto:").strip()
    yield from ADDRESS.findall(summary.lower())


def _instant(value: date | datetime, zone: ZoneInfo) -> datetime:
    if not isinstance(value, datetime):
        return instant_of(datetime.combine(value, datetime.min.time()), zone)
    return value.astimezone(UTC) if value.tzinfo else instant_of(value, zone)
