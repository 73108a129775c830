"""A calendar's bytes as components and lines. Components before the wanted time are skipped unread."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from aiops.kernel.errors import InvalidInput

LARGEST = 32 * 1024 * 1024  # bytes of a calendar, also after it was unpacked
LONGEST_LINE = 64 * 1024  # bytes of a line that is looked at
MOST_LINES = 2000  # such lines of one component
MARGIN = timedelta(days=2)  # what a day may differ by between two zones, and one to spare
NO_CALENDAR = "This is no iCalendar that can be read"

WANTED = {
    "UID", "SUMMARY", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "SEQUENCE", "STATUS",
    "TRANSP", "X-MICROSOFT-CDO-BUSYSTATUS", "ATTENDEE", "ORGANIZER",
}  # fmt: skip
ZONE_WANTED = {"TZID", "X-LIC-LOCATION"}
_FOLD = re.compile(rb"\r?\n[ \t]")
_EDGE = re.compile(rb"^(BEGIN|END):(VCALENDAR|VEVENT|VTIMEZONE)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_LINE = re.compile(r'([A-Za-z0-9-]+)((?:;[^":;]*(?:"[^"]*"[^":;]*)*)*):(.*)', re.DOTALL)
_PARAMETER = re.compile(r';\s*([A-Za-z0-9-]+)=((?:"[^"]*"|[^";])*)')
_WHOSE_ZONE = re.compile(rb"^X-WR-TIMEZONE[^:\n]*:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_OPEN = re.compile(rb"^(RRULE|RDATE|EXDATE|RECURRENCE-ID|DURATION)\b", re.IGNORECASE | re.MULTILINE)
_RULE = re.compile(rb"^RRULE[^:\n]*:([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_START = re.compile(rb"^DTSTART[^:\n]*:(\d{8})", re.IGNORECASE | re.MULTILINE)
_END = re.compile(rb"^DTEND[^:\n]*:(\d{8})", re.IGNORECASE | re.MULTILINE)
_UNTIL = re.compile(rb"UNTIL=(\d{8})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Line:
    """``NAME;PARAMETER=value:value``; names in capitals."""

    name: str
    value: str
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Calendars:
    """What a calendar is made of: its events and zones as bytes, and the zone that all of it is meant in, if it says so."""

    events: list[bytes]
    zones: list[bytes]
    whose_zone: str


def unpacked(data: bytes) -> bytes:
    """The text in UTF-8: out of gzip, out of UTF-16, without a byte order mark. ``InvalidInput`` beyond the largest size."""
    if data[:2] == b"\x1f\x8b":
        box = zlib.decompressobj(31)
        try:
            data = box.decompress(data, LARGEST + 1)
        except zlib.error:
            raise InvalidInput(NO_CALENDAR, details="It is packed, and broken", field="calendar") from None
        if not box.eof and len(data) <= LARGEST:
            raise InvalidInput(NO_CALENDAR, details="It is packed, and cut short", field="calendar")
    if len(data) > LARGEST:
        raise InvalidInput(f"The calendar is too large: at most {LARGEST // 2**20} MiB", field="calendar")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16", "replace").encode()
    elif data[:4] in (b"B\0E\0", b"\0B\0E"):
        data = data.decode("utf-16-le" if data[0] else "utf-16-be", "replace").encode()
    while data.startswith(b"\xef\xbb\xbf"):  # programs that do not see one put theirs before it
        data = data[3:]
    return data if b"\n" in data else data.replace(b"\r", b"\n")


def split(text: bytes, start: datetime) -> Calendars:
    """The events that may touch what lies at or after *start*, and the zones. ``InvalidInput`` when it is no whole calendar."""
    events, zones, opened = [], [], None
    calendars = ended = 0
    for edge in _EDGE.finditer(text):
        begins, kind = edge[1].upper() == b"BEGIN", edge[2].upper()
        if kind == b"VCALENDAR":
            calendars, ended = calendars + begins, ended + (not begins)
        elif begins:
            if opened is not None and opened[0] == b"VEVENT":
                events.append(text[opened[1] : edge.start()])  # it has no end: whatever it says is looked at
            opened = (kind, edge.end())
        elif opened is not None and opened[0] == kind:
            block = text[opened[1] : edge.start()]
            if kind == b"VTIMEZONE":
                zones.append(block)
            elif not is_over(block, start.date() - MARGIN):
                events.append(block)
            opened = None
    first = text[:2000].lstrip()[:15].upper()
    if first != b"BEGIN:VCALENDAR" or not calendars:
        raise InvalidInput(NO_CALENDAR, details="It does not begin with BEGIN:VCALENDAR", field="calendar")
    if ended < calendars or opened is not None:
        raise InvalidInput(NO_CALENDAR, details="It is cut short", field="calendar")
    head = _EDGE.search(text, text.find(b"\n"))
    whose = _WHOSE_ZONE.search(text, 0, head.start() if head else 0)
    return Calendars(events, zones, whose[1].decode("utf-8", "replace").strip() if whose else "")


def is_over(block: bytes, day: date) -> bool:
    """Whether an event ended before *day*, as far as that can be told without reading it. Unsure: no."""
    starts = _date(_START.search(block))
    ends = _date(_END.search(block)) or starts
    if starts is None or ends is None:
        return False
    if _OPEN.search(block) is None:
        return ends < day
    rules = _RULE.findall(block)
    others = {name.upper() for name in _OPEN.findall(block)} - {b"RRULE", b"EXDATE"}
    until = _date(_UNTIL.search(rules[0])) if len(rules) == 1 and not others else None
    return until is not None and max(until, starts) + (ends - starts) < day


def lines_of(block: bytes, wanted: set[str]) -> list[Line]:
    """The lines of a component that are wanted, unfolded, without those of components inside it.

    A line that cannot be read is none. Raises ``ValueError`` for more, or longer ones, than anybody means.
    """
    found: list[Line] = []
    for raw in _own_lines(_FOLD.sub(b"", block)):
        name = re.split(rb"[;:]", raw[:100], maxsplit=1)[0].strip().upper()
        if name.decode("ascii", "replace") not in wanted:
            continue
        if len(raw) > LONGEST_LINE:
            raise ValueError(f"a line of more than {LONGEST_LINE} bytes")
        if len(found) >= MOST_LINES:
            raise ValueError(f"more than {MOST_LINES} lines")
        if (line := _line(raw.decode("utf-8", "replace").strip())) is not None:
            found.append(line)
    return found


def _own_lines(block: bytes) -> Iterator[bytes]:
    depth = 0
    for raw in block.splitlines():
        edge = raw[:6].upper()
        if edge == b"BEGIN:":
            depth += 1
        elif edge[:4] == b"END:":
            depth = max(0, depth - 1)
        elif not depth:
            yield raw


def _line(text: str) -> Line | None:
    if (match := _LINE.fullmatch(text)) is None:
        return None
    parameters = {name.upper(): value.replace('"', "").strip() for name, value in _PARAMETER.findall(match[2])}
    value = match[3].strip()
    if "TZID" in parameters and value.startswith("//"):  # an address for a zone, without the quotes that it needs
        place, _, value = value.rpartition(":")
        parameters["TZID"] += f":{place}"
    return Line(match[1].upper(), value, parameters)


def _date(match: re.Match[bytes] | None) -> date | None:
    try:
        return datetime.strptime(match[1].decode(), "%Y%m%d").date() if match else None  # noqa: DTZ007 (a day)
    except ValueError:
        return None
