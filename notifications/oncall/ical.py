"""iCalendar feeds and imports: shifts out, and what the events of foreign calendars mean for shifts and time off. Pure.

``reading`` parses the bytes; the table of meanings is here and in docs/oncall.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import icalendar

# How sure somebody who was invited is to take a shift: 0 before 1, None: not at all. A word that is not here is like no answer.
ANSWERS: dict[str, int | None] = {
    "": 0,
    "ACCEPTED": 0,
    "IN-PROCESS": 0,
    "COMPLETED": 0,
    "NEEDS-ACTION": 1,
    "TENTATIVE": 1,
    "DECLINED": None,
    "DELEGATED": None,
}
NO_ANSWER = 1
# Whether an event of this status is a shift, and whether it is time off. A word that is not here is like none.
STATUSES: dict[str, tuple[bool, bool]] = {
    "": (True, True),
    "CONFIRMED": (True, True),
    "TENTATIVE": (True, False),
    "CANCELLED": (False, False),
    "CANCELED": (False, False),  # as half of the world spells it
}
# Whether time that a calendar shows like this is time off.
SHOWN_AS: dict[str, bool] = {
    "": True,
    "OPAQUE": True,
    "BUSY": True,
    "OOF": True,
    "TRANSPARENT": False,
    "FREE": False,
    "TENTATIVE": False,
    "WORKINGELSEWHERE": False,
}
OWN_SHIFT = re.compile(r"shift-\d+-\d+-\d{8}T\d{6}Z@aiops/")  # of a feed of ours
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
    """One occurrence of somebody's event. *uid* tells it from its repetitions; *attendees*, *organizers*: address and answer."""

    uid: str
    start: datetime
    end: datetime
    summary: str
    attendees: tuple[tuple[str, str], ...] = ()
    organizers: tuple[tuple[str, str], ...] = ()
    status: str = ""
    shown_as: str = ""

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Event:
        """The event as ``reading`` tells it."""
        return cls(
            uid=data["uid"],
            start=datetime.fromisoformat(data["start"]),
            end=datetime.fromisoformat(data["end"]),
            summary=data["summary"],
            attendees=tuple((address, answer) for address, answer in data["attendees"]),
            organizers=tuple((address, answer) for address, answer in data["organizers"]),
            status=data["status"],
            shown_as=data["shown_as"],
        )

    @property
    def is_shift(self) -> bool:
        """Whether it is one at all, whoever has it."""
        return STATUSES.get(self.status, STATUSES[""])[0]

    @property
    def on_call(self) -> tuple[str, ...]:
        """Who is to have it, by address, the first choice first: attendees who said yes (or were not asked), those who have not
        answered, the organizer, an address in the summary. Nobody who declined."""
        said = [(address, ANSWERS.get(answer, NO_ANSWER)) for address, answer in self.attendees]
        asked = [(address, ANSWERS.get(answer, NO_ANSWER)) for address, answer in self.organizers]
        refused = {address for address, rank in (*said, *asked) if rank is None}
        ranked = sorted((rank, place, address) for place, (address, rank) in enumerate(said) if rank is not None)
        found = [address for _, _, address in ranked]
        found += [address for address, _ in asked] + ADDRESS.findall(self.summary.lower())
        return tuple(dict.fromkeys(address for address in found if address and address not in refused))

    def takes_off(self, address: str) -> bool:
        """Whether whoever has *address* is away meanwhile."""
        answers = {answer for whose, answer in (*self.attendees, *self.organizers) if whose == address.lower()}
        agreed = all(ANSWERS.get(answer, NO_ANSWER) == 0 for answer in answers)
        settled = STATUSES.get(self.status, STATUSES[""])[1]
        return agreed and settled and SHOWN_AS.get(self.shown_as, True) and not OWN_SHIFT.match(self.uid)


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
    components: list[icalendar.Component] = []
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
        components.append(event)
    for component in components or [_utc()]:  # a calendar without any component is none for some clients
        calendar.add_component(component)
    return calendar.to_ical()


def _utc() -> icalendar.Timezone:
    zone, standard = icalendar.Timezone(), icalendar.TimezoneStandard()
    zone.add("tzid", "UTC")
    standard.add("dtstart", datetime(1970, 1, 1))  # noqa: DTZ001 (on the zone's own clock)
    standard.add("tzoffsetfrom", timedelta())
    standard.add("tzoffsetto", timedelta())
    zone.add_component(standard)
    return zone
