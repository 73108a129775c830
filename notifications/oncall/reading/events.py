"""One calendar event, and the occurrences of a series between two instants. ``ValueError`` says what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar
import recurring_ical_events
from icalendar import vRecur

from notifications.oncall.reading.lines import WANTED, Line, lines_of
from notifications.oncall.reading.times import Zones, length, stamp

EVERY = {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 0, "YEARLY": 0}  # days by which the beginning of a rule may be moved
OLDEST = 1900
MOST_DATES = 5000  # named one by one in an event
MOST_PEOPLE = 100
DAY = timedelta(days=1)
PLACE = "X-PLACE"  # which of the series an occurrence is of
_ESCAPED = re.compile(r"\\([\\;,nN])")
_UNFIT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Series:
    """An event as its calendar has it. *ends* None: nothing is said; *of*: the occurrence that it stands for."""

    uid: str
    summary: str
    lines: list[Line]
    starts: date | datetime
    ends: date | datetime | timedelta | None
    of: date | datetime | None
    rules: list[vRecur]

    @property
    def repeats(self) -> bool:
        """Whether it takes more than its own beginning to know when it is."""
        return bool(self.rules) or self.of is not None or any(line.name == "RDATE" for line in self.lines)

    @property
    def lasts(self) -> timedelta:
        """How long, by the clock."""
        if isinstance(self.ends, timedelta):
            return self.ends
        if self.ends is None:
            return timedelta() if isinstance(self.starts, datetime) else DAY
        return _naive(self.ends) - _naive(self.starts)


def text(value: str) -> str:
    """A text as it was meant, without what can't be stored."""
    plain = _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)
    return _UNFIT.sub("", plain).strip()


def name_of(block: bytes) -> tuple[str, str]:
    """The UID and the summary, also of an event that can't be read; the summary stands for a UID that is missing."""
    said: dict[str, str] = {}
    for name in ("UID", "SUMMARY"):
        try:
            said[name] = next((text(line.value) for line in lines_of(block, {name})), "")
        except ValueError:
            said[name] = ""
    return said["UID"] or said["SUMMARY"], said["SUMMARY"]


def series(block: bytes, zones: Zones) -> Series:
    """The event of a component; ``ValueError`` says why it can't be read."""
    lines = lines_of(block, WANTED)
    said: dict[str, Line] = {}
    for line in lines:
        said.setdefault(line.name, line)
    uid, summary = name_of(block)
    if "DTSTART" not in said:
        raise ValueError("it has no beginning that can be read")
    starts = stamp(said["DTSTART"].value, said["DTSTART"].parameters, zones)
    ends: date | datetime | timedelta | None = None
    if "DTEND" in said:
        ends = stamp(said["DTEND"].value, said["DTEND"].parameters, zones)
    elif "DURATION" in said:
        ends = length(said["DURATION"].value)
    of = None
    if "RECURRENCE-ID" in said:
        of = stamp(said["RECURRENCE-ID"].value, said["RECURRENCE-ID"].parameters, zones)
    rules = [_rule(line.value) for line in lines if line.name == "RRULE"]
    if rules and starts.year < OLDEST:
        raise ValueError(f"it repeats since before {OLDEST}")
    found = Series(uid, summary, lines, starts, ends, of, rules)
    if found.lasts < timedelta() and not _crosses_zones(found):
        raise ValueError("it ends before it begins")
    return found


def _rule(value: str) -> vRecur:
    try:
        rule = vRecur.from_ical(value)
        parts = {str(name).upper(): values for name, values in rule.items()}
        words = {str(word).upper() for word in parts.get("FREQ", [])}
        steps = [int(step) for name in ("INTERVAL", "COUNT") for step in parts.get(name, [])]
    except (ValueError, TypeError, KeyError):
        raise ValueError(f"its rule {value[:60]!r} can't be read") from None
    if not words:
        raise ValueError("its rule does not say how often it repeats")
    if not words <= set(EVERY) or any(len(parts.get(name, [])) > 1 for name in ("BYHOUR", "BYMINUTE", "BYSECOND")):
        raise ValueError("it repeats more often than daily")
    if any(step < 1 for step in steps):
        raise ValueError("INTERVAL and COUNT of its rule must be at least 1")
    return rule


def occurrences(found: Sequence[Series], zones: Zones, start: datetime, end: datetime) -> Iterable[Any]:
    """Every occurrence of one UID's events that touches the stretch; ``PLACE`` of each says which of them it is of."""
    calendar = icalendar.Calendar()
    for place, one in enumerate(found):
        event = _component(one, zones, start)
        event[PLACE] = str(place)
        calendar.add_component(event)
    return recurring_ical_events.of(calendar, components=["VEVENT"]).between(start - DAY, end)


def _component(one: Series, zones: Zones, start: datetime) -> icalendar.Event:
    event = icalendar.Event()
    event.add("uid", one.uid or "none")
    starts, rules = _moved(one, start)
    event.add("dtstart", starts)
    if one.ends is not None:
        event.add("dtend", starts + one.lasts if starts != one.starts or isinstance(one.ends, timedelta) else one.ends)
    for rule in rules:
        event.add("rrule", rule)
    if one.of is not None:
        parameters = next(line.parameters for line in one.lines if line.name == "RECURRENCE-ID")
        event.add("recurrence-id", one.of, parameters={k: v for k, v in parameters.items() if k == "RANGE"})
    for name in ("RDATE", "EXDATE"):
        if dates := list(_dates(one, name, zones)):
            event.add(name, dates)
    for line in one.lines:
        if line.name == "SEQUENCE" and line.value.isdecimal():
            event["SEQUENCE"] = int(line.value[:9])
    return event


def _dates(one: Series, name: str, zones: Zones) -> Iterable[Any]:
    count = 0
    for line in one.lines:
        for part in line.value.split(",") if line.name == name else ():
            if not part.strip():
                continue
            count += 1
            if count > MOST_DATES:
                raise ValueError(f"it names more than {MOST_DATES} dates")
            first, slash, last = part.partition("/")
            at = stamp(first, line.parameters, zones)
            if not slash:
                yield at
            elif last.strip().upper().startswith(("P", "+P")):
                yield (at, length(last))
            else:
                yield (at, stamp(last, line.parameters, zones))


def _moved(one: Series, start: datetime) -> tuple[date | datetime, list[vRecur]]:
    """The beginning of an endless rule brought near *start*, whole rounds later: what lies long ago is not counted out."""
    if len(one.rules) != 1 or one.of is not None:
        return one.starts, one.rules
    rule = one.rules[0]
    parts = {str(name).upper(): values for name, values in rule.items()}
    step = EVERY[str(parts["FREQ"][0]).upper()] * int((parts.get("INTERVAL") or [1])[0])
    days = (start.date() - _naive(one.starts).date() - one.lasts).days - 16
    counted = int((parts.get("COUNT") or [0])[0])
    if not step or days < step or (counted and counted <= days + 400):
        return one.starts, one.rules
    endless = vRecur({name: values for name, values in rule.items() if str(name).upper() != "COUNT"})
    return one.starts + timedelta(days=days // step * step), [endless]


def _naive(value: date | datetime) -> datetime:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001


def _crosses_zones(one: Series) -> bool:
    """Whether it ends on another clock than it begins, and after its beginning all the same."""
    if not (isinstance(one.starts, datetime) and isinstance(one.ends, datetime)):
        return False
    return one.ends.astimezone(UTC) >= one.starts.astimezone(UTC)
