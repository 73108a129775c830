"""Calendars of strangers, read event by event: the odd one is named and left out, the others are taken."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dateutil.rrule import rrulestr

from aiops.kernel.errors import InvalidInput
from notifications.oncall.ical import Event
from notifications.oncall.reading import read

NOW = datetime(2026, 3, 19, 14, 30, tzinfo=UTC)
GOOD = "UID:good\r\nDTSTART:20260320T100000Z\r\nDTEND:20260320T120000Z\r\nSUMMARY:Good"


def calendar(*events: str, head: str = "") -> str:
    body = "".join(f"BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\n" for event in events)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{head}{body}END:VCALENDAR\r\n"


def one(*lines: str, start: str = "20260320T100000Z", end: str = "20260320T120000Z") -> str:
    return "\r\n".join(["UID:odd", "SUMMARY:Standup", f"DTSTART:{start}", f"DTEND:{end}", *lines])


def bare(*lines: str) -> str:
    return "\r\n".join(["UID:odd", "SUMMARY:Standup", *lines])


def taken(text: str | bytes, zone: str = "Europe/Berlin", days: int = 180) -> dict[str, Any]:
    data = text.encode() if isinstance(text, str) else text
    return read(data, zone=zone, start=NOW.isoformat(), end=(NOW + timedelta(days=days)).isoformat())


def starts(text: str | bytes, zone: str = "Europe/Berlin", days: int = 180) -> list[str]:
    return [event["start"] for event in taken(text, zone, days)["events"]]


ODD = {
    "31 February": (bare("DTSTART:20260231T100000Z"), "is no date or time"),
    "no beginning": (bare("DTEND:20260320T100000Z"), "no beginning"),
    "a beginning without a value": (bare("DTSTART:"), "is no date"),
    "a beginning without a colon": (bare("DTSTART 20260320T100000Z"), "no beginning"),
    "NUL in the beginning": (bare("DTSTART:2026\x000320T100000Z"), "is no date"),
    "24:00": (bare("DTSTART:20260320T240000Z"), "is no date or time"),
    "an unknown weekday": (one("RRULE:FREQ=DAILY;BYDAY=XX"), "can't be read"),
    "an unknown frequency": (one("RRULE:FREQ=SOMETIMES"), "can't be read"),
    "a rule without a frequency": (one("RRULE:COUNT=3"), "how often"),
    "a rule of nonsense": (one("RRULE:often"), "how often it repeats"),
    "an until that never is": (one("RRULE:FREQ=DAILY;UNTIL=20260231"), "can't be read"),
    "an empty RECURRENCE-ID": (one("RECURRENCE-ID:"), "is no date"),
    "an empty TZID": (bare("DTSTART;TZID=:20260320T100000"), "has no name"),
    "an unknown zone": (bare("DTSTART;TZID=Mars/Phobos:20260320T100000"), "'Mars/Phobos' is unknown"),
    "an end before the beginning": (one(start="20260321T100000Z"), "ends before it begins"),
    "a length below nothing": (bare("DTSTART:20260320T100000Z", "DURATION:-PT1H"), "ends before it begins"),
    "a length that is none": (bare("DTSTART:20260320T100000Z", "DURATION:long"), "no length"),
    "an exception that is no date": (one("RRULE:FREQ=DAILY", "EXDATE:soon"), "is no date"),
    "each second": (one("RRULE:FREQ=SECONDLY"), "more often than daily"),
    "each hour": (one("RRULE:FREQ=HOURLY"), "more often than daily"),
    "many times a day": (one("RRULE:FREQ=DAILY;BYHOUR=1,2,3"), "more often than daily"),
    "an interval of nothing": (one("RRULE:FREQ=DAILY;INTERVAL=0"), "at least 1"),
    "since the year 1": (one("RRULE:FREQ=DAILY", start="00010101T100000Z"), "before 1900"),
    "30 February each year": (one("RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), "too long to work out"),
    "too many dates": (one(*["RDATE:" + ",".join(["20260401T100000Z"] * 1000)] * 6), "more than 5000 dates"),
    "a rule of megabytes": (one("RRULE:FREQ=DAILY;BYMONTHDAY=" + "1," * 50_000), "bytes"),
}


@pytest.mark.parametrize("name", ODD)
def test_the_odd_event_is_named_and_left_out_and_the_others_are_taken(name: str) -> None:
    event, why = ODD[name]
    for text in (calendar(GOOD, event), calendar(event, GOOD)):
        found = taken(text)
        assert [one["uid"] for one in found["events"]] == ["good/20260320T100000Z"]
        (odd,) = found["odd"]
        assert (odd["uid"], odd["summary"]) == ("odd", "Standup") and why in odd["why"]


HARMLESS = {
    "a broken line": one("THIS IS NO LINE"),
    "NUL in the summary": bare("DTSTART:20260320T100000Z", "DTEND:20260320T120000Z", "DESCRIPTION:a\x00b"),
    "a description of megabytes": one("DESCRIPTION:" + "x" * 3_000_000),
    "alarms inside alarms": one(*["BEGIN:VALARM"] * 500, "DTSTART:20200101T000000Z", *["END:VALARM"] * 500),
    "a thousand people": one(*[f"ATTENDEE:mailto:p{n}@example.com" for n in range(1000)]),
    "exceptions long ago": one("EXDATE:" + ",".join(f"2019010{n}T100000Z" for n in range(1, 9))),
    "an exception without a date": one("RRULE:FREQ=DAILY;COUNT=1", "EXDATE:"),
    "folded lines": one("DESCRIPTION:a\r\n b\r\n\tc"),
    "small letters": one().replace("DTSTART", "dtstart").replace("DTEND", "dtend"),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_odd_beside_the_time_takes_no_event_away(name: str) -> None:
    found = taken(calendar(GOOD, HARMLESS[name]))
    assert len(found["events"]) == 2 and found["odd"] == []


def test_texts_can_be_stored() -> None:
    (event,) = taken(calendar("UID:a\x00b\r\nSUMMARY:x\x00\\, y\r\nDTSTART:20260320T100000Z\r\nDURATION:PT1H"))[
        "events"
    ]
    assert (event["uid"], event["summary"]) == ("ab/20260320T100000Z", "x, y")


RULES = [
    ("20260315", "FREQ=DAILY;COUNT=8"),
    ("20200101", "FREQ=DAILY;COUNT=300"),
    ("20200101", "FREQ=DAILY;UNTIL=20260318T235959Z"),
    ("20260318", "FREQ=DAILY;UNTIL=20260322T235959Z"),
    ("19700101", "FREQ=DAILY"),
    ("19700101", "FREQ=DAILY;COUNT=999999999"),
    ("20010101", "FREQ=DAILY;INTERVAL=3"),
    ("20010101", "FREQ=DAILY;BYMONTH=3,4;BYDAY=MO"),
    ("19700102", "FREQ=WEEKLY;BYDAY=FR,MO"),
    ("20260313", "FREQ=WEEKLY;INTERVAL=2"),
    ("20100115", "FREQ=WEEKLY;INTERVAL=2"),
    ("20100117", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=SU"),
    ("20100117", "FREQ=WEEKLY;INTERVAL=2;BYDAY=SU,MO;WKST=MO"),
    ("20160229", "FREQ=WEEKLY;INTERVAL=5;COUNT=5000;BYDAY=MO,TU"),
    ("20010131", "FREQ=MONTHLY"),
    ("20010101", "FREQ=MONTHLY;BYDAY=-1FR"),
    ("19500322", "FREQ=YEARLY"),
]


@pytest.mark.parametrize(("first", "rule"), RULES)
def test_rules_say_ahead_what_they_say_when_counted_from_their_beginning(first: str, rule: str) -> None:
    event = one(f"RRULE:{rule}", start=f"{first}T100000Z", end=f"{first}T110000Z")
    begins = datetime.strptime(f"{first}T100000+0000", "%Y%m%dT%H%M%S%z")
    wanted = list(rrulestr(rule, dtstart=begins).between(NOW, NOW + timedelta(days=60), inc=True))
    found = taken(calendar(event), days=60, zone="UTC")
    assert ([event["start"] for event in found["events"]], found["odd"]) == ([at.isoformat() for at in wanted], [])


def test_an_address_is_one_without_what_a_link_says_beside_it() -> None:
    (event,) = taken(calendar(one("ATTENDEE;PARTSTAT=ACCEPTED:mailto:Bo@example.com?subject=shift")))["events"]
    assert event["attendees"] == [["bo@example.com", "ACCEPTED"]]


def test_dates_are_added_and_taken_out_one_by_one() -> None:
    assert len(starts(calendar(one("RDATE:20260321T100000Z,20260322T100000Z")))) == 3
    assert len(starts(calendar(one("RRULE:FREQ=DAILY;COUNT=5", "EXDATE:20260321T100000Z,20260322T100000Z")))) == 3
    assert len(starts(calendar(one("RDATE;VALUE=PERIOD:20260321T100000Z/PT1H")))) == 2
    assert len(starts(calendar(one("RRULE:FREQ=DAILY;UNTIL=20260322")))) == 2  # a day alone is its midnight


def test_an_occurrence_that_was_moved_or_cancelled_is() -> None:
    master = one("RRULE:FREQ=DAILY;COUNT=4")
    moved = one("RECURRENCE-ID:20260321T100000Z", start="20260321T180000Z", end="20260321T190000Z")
    gone = one("RECURRENCE-ID:20260322T100000Z", "STATUS:CANCELLED", start="20260322T100000Z", end="20260322T120000Z")
    found = [Event.of_json(event) for event in taken(calendar(master, moved, gone))["events"]]
    assert [f"{event.start:%d %H}" for event in found if event.is_shift] == ["20 10", "21 18", "23 10"]


ZONES = {
    "Europe/Berlin": "2026-03-20T09:00:00+00:00",
    '"Europe/Berlin"': "2026-03-20T09:00:00+00:00",
    "W. Europe Standard Time": "2026-03-20T09:00:00+00:00",
    "Eastern Standard Time": "2026-03-20T14:00:00+00:00",
    "tzone://Microsoft/Utc": "2026-03-20T10:00:00+00:00",
    '"tzone://Microsoft/Utc"': "2026-03-20T10:00:00+00:00",
    "/mozilla.org/20050126_1/America/Argentina/Buenos_Aires": "2026-03-20T13:00:00+00:00",
    "/freeassociation.sourceforge.net/Asia/Tokyo": "2026-03-20T01:00:00+00:00",
    "Customized Time Zone": "2026-03-20T07:00:00+00:00",
    "Ours": "2026-03-20T09:00:00+00:00",
}
DEFINED = (
    "BEGIN:VTIMEZONE\r\nTZID:Customized Time Zone\r\nBEGIN:STANDARD\r\nDTSTART:16010101T000000\r\nTZOFFSETFROM:+0300\r\n"
    "TZOFFSETTO:+0300\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
    "BEGIN:VTIMEZONE\r\nTZID:Ours\r\nX-LIC-LOCATION:Europe/Berlin\r\nEND:VTIMEZONE\r\n"
    "BEGIN:VTIMEZONE\r\nBEGIN:STANDARD\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
)


@pytest.mark.parametrize("name", ZONES)
def test_zones_are_known_by_many_names(name: str) -> None:
    text = calendar(bare(f"DTSTART;TZID={name}:20260320T100000", "DURATION:PT1H"), head=DEFINED)
    assert starts(text, "UTC") == [ZONES[name]]


def test_times_without_a_zone_are_the_calendars_or_its_owners() -> None:
    floating = bare("DTSTART:20260320T100000", "DURATION:PT1H")
    assert starts(calendar(floating)) == ["2026-03-20T09:00:00+00:00"]
    assert starts(calendar(floating, head="X-WR-TIMEZONE:America/New_York\r\n")) == ["2026-03-20T14:00:00+00:00"]
    assert starts(calendar(floating, head="X-WR-TIMEZONE:Nowhere\r\n")) == ["2026-03-20T09:00:00+00:00"]
    day = bare("DTSTART;VALUE=DATE:20260320")
    assert starts(calendar(day), "Asia/Tokyo") == ["2026-03-19T15:00:00+00:00"]
    mixed = bare("DTSTART;VALUE=DATE:20260320", "DTEND:20260320T110000Z")
    assert starts(calendar(mixed), "UTC") == ["2026-03-20T00:00:00+00:00"]


def test_a_rule_keeps_its_wall_clock_when_clocks_change() -> None:
    event = bare("DTSTART;TZID=Europe/Berlin:19990104T090000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY")
    found = starts(calendar(event), days=14)
    assert found == ["2026-03-23T08:00:00+00:00", "2026-03-30T07:00:00+00:00"]


@pytest.mark.parametrize(
    "pack",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: b"\xef\xbb\xbf" * 2 + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-be"),
        lambda text: gzip.compress(text.encode()),
        lambda text: text.replace("\r\n", "\n").encode(),
        lambda text: text.replace("\r\n", "\r").encode(),
        lambda text: b"\r\n\r\n" + text.encode(),
    ],
    ids=["UTF-8 mark", "two marks", "UTF-16 mark", "UTF-16 without", "gzip", "LF", "CR", "empty lines before"],
)
def test_marks_packings_and_line_ends_do_not_matter(pack: Any) -> None:
    assert starts(pack(calendar(GOOD))) == ["2026-03-20T10:00:00+00:00"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "begin"),
        (b"<html>Sign in</html>", "begin"),
        (b"\x00\xff\x13", "begin"),
        (calendar(GOOD)[:-20].encode(), "cut short"),
        (calendar(GOOD)[:60].encode(), "cut short"),
        (gzip.compress(calendar(GOOD).encode())[:-20], "cut short"),
        (b"\x1f\x8bnonsense", "broken"),
    ],
)
def test_what_is_no_calendar_is_refused_as_a_whole(text: bytes, why: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        taken(text)
    assert refusal.value.field == "calendar" and why in refusal.value.details


def test_an_empty_calendar_is_one() -> None:
    assert taken(calendar()) == {"events": [], "odd": [], "odd_count": 0}


def test_what_is_over_is_passed_over_and_what_is_not_is_not() -> None:
    past = [one(start=f"2020010{n}T100000Z", end=f"2020010{n}T110000Z").replace("odd", f"p{n}") for n in range(1, 9)]
    long = one(start="20200101T000000Z", end="20270101T000000Z").replace("odd", "long")
    found = taken(calendar(*past, long, GOOD))
    assert [event["uid"] for event in found["events"]] == ["long/20200101T000000Z", "good/20260320T100000Z"]


def test_a_series_whose_end_lies_before_an_occurrence_that_was_moved_ahead() -> None:
    master = one("RRULE:FREQ=DAILY;UNTIL=20260110T100000Z", start="20260101T100000Z", end="20260101T110000Z")
    moved = one("RECURRENCE-ID:20260105T100000Z", start="20260325T100000Z", end="20260325T110000Z")
    assert starts(calendar(master, moved)) == ["2026-03-25T10:00:00+00:00"]
