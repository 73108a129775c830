"""The reader: a calendar's bytes become the events of a stretch of time, and a list of the events that could not be
read.

A faulty or too costly event is named and left out; the others are taken. It runs in a process of its own
(``aiops.kernel.bounded``), which ends it when the whole costs too much.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiops.kernel.bounded import TooLong, at_most
from aiops.kernel.errors import InvalidInput
from notifications.oncall.reading import events
from notifications.oncall.reading.events import Series
from notifications.oncall.reading.lines import split, unpacked
from notifications.oncall.reading.times import Zones, instant

MOST_EVENTS = 2000  # that happen in the stretch
MOST_ODD = 2000  # that are named
COST = 0.1  # seconds of processor time for the events of one UID, and as much again for each megabyte of them
MOST_COSTLY = 10  # UIDs that may cost more, and are left out
COSTLY = "it takes too long to work out when it repeats"


def read(data: bytes, *, zone: str, start: str, end: str) -> dict[str, Any]:
    """What touches the stretch, by time, and what is odd, as JSON. Times without a zone, and whole days, are *zone*'s.

    Raises ``InvalidInput`` (field ``calendar``) when it is no calendar, or holds more than can be meant.
    """
    own, first, last = ZoneInfo(zone), datetime.fromisoformat(start), datetime.fromisoformat(end)
    found = split(unpacked(data), first)
    zones = Zones(own, found.whose_zone, found.zones)
    odd: list[dict[str, str]] = []
    happens: list[dict[str, Any]] = []
    costly = 0
    for uid, group in _by_uid(found.events, zones, odd):
        try:
            with at_most(_cost(sum(len(line.value) for one in group for line in one.lines))):
                happens += _happens(group, zones, first, last)
        except TooLong:
            costly += 1
            if costly > MOST_COSTLY:
                raise InvalidInput(
                    f"More than {MOST_COSTLY} events repeat in a way that takes too long to work out", field="calendar"
                ) from None
            odd.append(_odd(uid, group[0].summary, COSTLY))
        except Exception as error:  # noqa: BLE001 (rules of strangers: the libraries raise whatever they trip over)
            odd.append(_odd(uid, group[0].summary, str(error) or type(error).__name__))
        if len(happens) > MOST_EVENTS:
            raise InvalidInput(f"The calendar has more than {MOST_EVENTS} events", field="calendar")
    happens.sort(key=lambda one: (one["start"], one["uid"]))
    return {"events": happens, "odd": odd[:MOST_ODD], "odd_count": len(odd)}


def _cost(size: int) -> float:
    """Seconds for *size* bytes: reading takes time in proportion, and a long description is not a rule that costs too much."""
    return COST * (1 + size / 1_000_000)


def _by_uid(blocks: Sequence[bytes], zones: Zones, odd: list[dict[str, str]]) -> Iterator[tuple[str, list[Series]]]:
    """Events that belong together: those of one UID. One without a UID stands alone."""
    groups: dict[str, list[Series]] = {}
    alone = []
    for block in blocks:
        try:
            with at_most(_cost(len(block))):
                one = events.series(block, zones)
        except (Exception, TooLong) as error:  # noqa: BLE001 (as above)
            uid, summary = events.name_of(block)
            odd.append(_odd(uid, summary, str(error) or COSTLY))
            continue
        if any(line.name == "UID" for line in one.lines):
            groups.setdefault(one.uid, []).append(one)
        else:
            alone.append((one.uid, [one]))
    yield from groups.items()
    yield from alone


def _happens(group: list[Series], zones: Zones, start: datetime, end: datetime) -> list[dict[str, Any]]:
    found = []
    if len(group) == 1 and not group[0].repeats:
        one = group[0]
        whole = one.ends if one.ends is not None and not isinstance(one.ends, timedelta) else one.starts + one.lasts
        spans: Iterable[tuple[Series, date | datetime, date | datetime]] = [(one, one.starts, whole)]
    else:
        items = events.occurrences(group, zones, start, end)
        spans = [(group[int(item[events.PLACE])], item.start, item.end) for item in items]
    for one, starts, ends in spans:
        on, off = instant(starts, zones.own), instant(ends, zones.own)
        if on < off and off > start and on < end:
            found.append(_event(one, on, off))
    return found


def _event(one: Series, starts: datetime, ends: datetime) -> dict[str, Any]:
    said = {line.name: line.value.upper() for line in one.lines}
    return {
        "uid": f"{one.uid}/{starts:%Y%m%dT%H%M%SZ}"[:480],
        "start": starts.isoformat(),
        "end": ends.isoformat(),
        "summary": one.summary[:500],
        "attendees": _people(one, "ATTENDEE"),
        "organizers": _people(one, "ORGANIZER"),
        "status": said.get("STATUS", ""),
        "shown_as": said.get("X-MICROSOFT-CDO-BUSYSTATUS") or said.get("TRANSP", ""),
    }


def _people(one: Series, name: str) -> list[list[str]]:
    """Addresses and answers."""
    lines = [line for line in one.lines if line.name == name][: events.MOST_PEOPLE]
    return [[_address(line.value, line.parameters), line.parameters.get("PARTSTAT", "").upper()] for line in lines]


def _address(value: str, parameters: dict[str, str]) -> str:
    plain = events.text(value).lower().removeprefix("mailto:").partition("?")[0].strip()
    return plain if "@" in plain else parameters.get("EMAIL", plain).lower().removeprefix("mailto:").strip()


def _odd(uid: str, summary: str, why: str) -> dict[str, str]:
    return {"uid": uid[:480], "summary": summary[:100], "why": events.text(why)[:200]}
