"""Zones and times of a calendar as values. ``ValueError`` says what is wrong with an event, for its owner."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import icalendar
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from aiops.kernel.bounded import TooLong, at_most
from notifications.oncall.reading.lines import ZONE_WANTED, Line, lines_of
from notifications.oncall.wall import instant_of

ZONE_COST = 0.2  # seconds of processor time for one definition of a zone
MOST_ZONES = 50  # definitions that are worked out
_STAMP = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})?(Z)?)?", re.IGNORECASE)
_WINDOWS = {name.lower(): zone for name, zone in WINDOWS_TO_OLSON.items()}


class Zones:
    """Zones by the names that a calendar gives them; *own*: its owner's, for times that name none."""

    def __init__(self, own: ZoneInfo, whose_zone: str, blocks: Sequence[bytes]) -> None:
        self.own = own
        self.whose = known(whose_zone) if whose_zone else None
        self._blocks, self._made = blocks, dict[str, tzinfo | None]()
        self._defined: dict[str, tuple[bytes, str]] | None = None

    def named(self, name: str) -> tzinfo:
        """The zone called *name*: one that everybody knows, else as the calendar defines it."""
        if name not in self._made:
            self._made[name] = known(name) or self._define(name)
        if (zone := self._made[name]) is None:
            raise ValueError(f"the time zone {name[:60]!r} is unknown")
        return zone

    def _define(self, name: str) -> tzinfo | None:
        if self._defined is None:
            self._defined = {}
            for block in self._blocks[:MOST_ZONES]:
                said = {line.name: line.value for line in _zone_lines(block)}
                self._defined.setdefault(said.get("TZID", ""), (block, said.get("X-LIC-LOCATION", "")))
        block, place = self._defined.get(name, (b"", ""))
        return known(place) or (_worked_out(block) if block else None)


def _zone_lines(block: bytes) -> list[Line]:
    try:
        return lines_of(block, ZONE_WANTED)
    except ValueError:
        return []


def _worked_out(block: bytes) -> tzinfo | None:
    """The zone that a VTIMEZONE defines; None when that can't be read, or costs too much."""
    try:
        with at_most(ZONE_COST):
            text = b"BEGIN:VTIMEZONE\r\n" + block.strip() + b"\r\nEND:VTIMEZONE\r\n"
            component: Any = icalendar.Timezone.from_ical(text.decode("utf-8", "replace"))
            zone: tzinfo = component.to_tz(lookup_tzid=False)
            datetime(2030, 7, 1, tzinfo=zone).astimezone(UTC)
            return zone
    except (Exception, TooLong):  # noqa: BLE001 (the parser raises whatever it trips over)
        return None


@cache
def known(name: str) -> ZoneInfo | None:
    """An IANA zone, also behind a prefix (``/mozilla.org/20050126_1/Europe/Berlin``) or by its Windows name."""
    name = name.strip().removeprefix("tzone://Microsoft/").strip('"')
    if name.upper() in ("UTC", "GMT", "Z", "ETC/UTC"):
        return ZoneInfo("UTC")
    if zone := _WINDOWS.get(name.lower()):
        return ZoneInfo(zone)
    parts = [part for part in name.split("/") if part]
    for first in range(max(0, len(parts) - 3), len(parts)):
        try:
            return ZoneInfo("/".join(parts[first:]))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return None


def stamp(text: str, parameters: dict[str, str], zones: Zones) -> date | datetime:
    """A day, or an aware time: in the zone that it names, else in the calendar's, else on its owner's clock."""
    if (match := _STAMP.fullmatch(text.strip())) is None:
        raise ValueError(f"{text[:30]!r} is no date or time")
    if "TZID" in parameters and not parameters["TZID"]:
        raise ValueError("its time zone has no name")
    try:
        day = date(int(match[1]), int(match[2]), int(match[3]))
        if match[4] is None:
            return day
        at = datetime.combine(day, time(int(match[4]), int(match[5]), int(match[6] or 0)))
    except ValueError:
        raise ValueError(f"{text[:30]!r} is no date or time of a calendar") from None
    if match[7]:
        return at.replace(tzinfo=UTC).astimezone(zones.whose or UTC)
    if name := parameters.get("TZID"):
        return at.replace(tzinfo=zones.named(name))
    return at.replace(tzinfo=zones.whose or zones.own)


def instant(value: date | datetime, own: ZoneInfo) -> datetime:
    """In UTC. A day begins at midnight on its owner's clock; a time that clocks jump over is the moment of the jump."""
    if not isinstance(value, datetime):
        return instant_of(datetime.combine(value, time()), own)
    if isinstance(value.tzinfo, ZoneInfo):
        return instant_of(value.replace(tzinfo=None, fold=0), value.tzinfo)
    return value.astimezone(UTC)


def length(text: str) -> timedelta:
    """A DURATION."""
    try:
        found: timedelta = icalendar.vDuration.from_ical(text.strip())
    except (ValueError, OverflowError):
        raise ValueError(f"{text[:30]!r} is no length of time") from None
    if abs(found) > timedelta(days=3660):
        raise ValueError("it lasts more than ten years")
    return found
