"""Calendars: a feed that icalendar reads back, events that become overrides and time off, hostile ones refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from django.test import Client

from aiops.access.actors import SYSTEM
from aiops.access.models import User
from aiops.access.people import actor_for_user
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted
from notifications import oncall
from notifications.models import Override, PersonalCalendar, Schedule, TimeOff
from notifications.oncall import ical
from notifications.selectors.oncall import holders, load
from notifications.services.calendars import (
    feed,
    import_due,
    import_text,
    personal_calendar,
    renew_feed,
    set_import,
)
from tests.factories import NOW
from tests.oncall.conftest import MakeSchedule, day_layer

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def calendar(*events: str) -> str:
    body = "".join(f"BEGIN:VEVENT\r\n{event}\r\nEND:VEVENT\r\n" for event in events)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n{body}END:VCALENDAR\r\n"


def event(uid: str, start: datetime, end: datetime, *lines: str) -> str:
    return "\r\n".join([f"UID:{uid}", f"DTSTART:{start:%Y%m%dT%H%M%SZ}", f"DTEND:{end:%Y%m%dT%H%M%SZ}", *lines])


def holder(schedule: Schedule, at: datetime) -> int | None:
    shift = holders([schedule.pk], at)[schedule.pk]
    return shift.user_id if shift else None


def test_the_feed_read_back_is_the_final_schedule(make: MakeSchedule, ana: User, bo: User, cy: User) -> None:
    schedule = make(layers=[day_layer(ana, bo, time_zone="America/New_York")], name="Primary, “day”; night")
    Override.objects.create(
        schedule=schedule, user=cy, starts_at=NOW, ends_at=NOW + HOUR, created_by="", created_at=NOW
    )
    name, text = feed(key=schedule.feed_key, now=NOW)
    read = icalendar.Calendar.from_ical(text)
    found = sorted((e.decoded("dtstart"), e.decoded("dtend"), str(e["attendee"])) for e in read.walk("VEVENT"))
    start, end = NOW - DAY * 30, NOW + DAY * 180
    shifts = oncall.final_schedule(load([schedule.pk], start, end)[schedule.pk], start, end)
    emails = {user.pk: f"mailto:{user.email}" for user in (ana, bo, cy)}
    whole = [(s.start.replace(microsecond=0), s.end.replace(microsecond=0), emails[s.user_id]) for s in shifts]
    assert found == whole and len(found) > 180
    assert name == schedule.name
    uids = [str(e["uid"]) for e in read.walk("VEVENT")]
    assert len(set(uids)) == len(uids)
    later = icalendar.Calendar.from_ical(feed(key=schedule.feed_key, now=NOW + HOUR)[1])
    assert set(uids) & {str(e["uid"]) for e in later.walk("VEVENT")} >= set(
        uids[2:-2]
    )  # clipped ones at the edges aside


def test_a_persons_feed_holds_their_shifts_of_all_schedules(make: MakeSchedule, ana: User, bo: User) -> None:
    make(ana, bo)
    make(bo, ana, name="Second")
    key = personal_calendar(user_id=ana.pk).feed_key
    read = icalendar.Calendar.from_ical(feed(key=key, now=NOW)[1])
    assert {str(e["summary"]) for e in read.walk("VEVENT")} == {"On call: Primary", "On call: Second"}
    assert {str(e["attendee"]) for e in read.walk("VEVENT")} == {"mailto:ana@example.com"}


def test_the_address_is_a_secret_that_can_be_renewed(make: MakeSchedule, ana: User, client: Client) -> None:
    schedule = make(layers=[day_layer(ana, starts_at=utcnow() - DAY)])
    old = f"/oncall/feeds/{schedule.feed_key}.ics"
    answer = client.get(old)
    assert answer.status_code == 200 and answer["Content-Type"].startswith("text/calendar")
    assert icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    with pytest.raises(NotPermitted):
        renew_feed(actor=actor_for_user(ana), schedule_id=schedule.pk)
    new = renew_feed(actor=SYSTEM, schedule_id=schedule.pk)
    assert client.get(old).status_code == 404
    assert client.get(f"/oncall/feeds/{new}.ics").status_code == 200
    key = personal_calendar(user_id=ana.pk).feed_key
    ana.is_active = False
    ana.save()
    with pytest.raises(NotFound):
        feed(key=key, now=NOW)


def test_events_become_overrides_by_the_first_known_address(make: MakeSchedule, ana: User, bo: User, cy: User) -> None:
    schedule = make(ana)
    text = calendar(
        event("1", NOW, NOW + HOUR, "ATTENDEE;CN=X:mailto:nobody@example.com", "ATTENDEE:mailto:BO@example.com"),
        event("2", NOW + HOUR, NOW + HOUR * 2, "ORGANIZER:MAILTO:cy@example.com"),
        event("3", NOW + HOUR * 2, NOW + HOUR * 3, "SUMMARY:bo@example.com covers"),
        event("4", NOW + HOUR * 3, NOW + HOUR * 4, "SUMMARY:Lunch"),
        event("5", NOW + HOUR * 4, NOW + HOUR * 5, "ATTENDEE:mailto:bo@example.com", "STATUS:CANCELLED"),
        event("6", NOW - DAY * 2, NOW - DAY, "ATTENDEE:mailto:bo@example.com"),
    )
    took = import_text(actor=SYSTEM, schedule_id=schedule.pk, text=text, now=NOW)
    assert (took.taken, took.unknown) == (3, 1)
    assert [holder(schedule, NOW + HOUR * n) for n in range(5)] == [bo.pk, cy.pk, bo.pk, ana.pk, ana.pk]


def test_importing_again_replaces_what_lies_ahead_and_keeps_what_was(
    make: MakeSchedule, ana: User, bo: User, cy: User
) -> None:
    schedule = make(ana)
    weekly = event("1", NOW, NOW + HOUR * 4, "ATTENDEE:mailto:bo@example.com", "RRULE:FREQ=WEEKLY;COUNT=3")
    import_text(actor=SYSTEM, schedule_id=schedule.pk, text=calendar(weekly), now=NOW)
    import_text(actor=SYSTEM, schedule_id=schedule.pk, text=calendar(weekly), now=NOW)
    assert Override.objects.count() == 3
    by_hand = Override.objects.create(
        schedule=schedule, user=cy, starts_at=NOW + DAY, ends_at=NOW + DAY * 2, created_by="", created_at=NOW
    )
    later = NOW + HOUR * 2
    import_text(actor=SYSTEM, schedule_id=schedule.pk, text=calendar(), now=later)
    assert set(Override.objects.values_list("user", "ends_at")) == {(bo.pk, later), (cy.pk, by_hand.ends_at)}


def test_whole_days_are_those_of_the_persons_zone(ana: User) -> None:
    ana.time_zone = "Asia/Tokyo"
    ana.save()
    text = calendar("UID:1\r\nDTSTART;VALUE=DATE:20260325\r\nDTEND;VALUE=DATE:20260327\r\nSUMMARY:Sea")
    assert import_text(actor=actor_for_user(ana), text=text, now=NOW).taken == 1
    (row,) = TimeOff.objects.filter(user=ana)
    assert (row.starts_at, row.ends_at) == (
        datetime(2026, 3, 24, 15, tzinfo=UTC),
        datetime(2026, 3, 26, 15, tzinfo=UTC),
    )
    import_text(actor=actor_for_user(ana), text=calendar(), now=NOW)
    assert not TimeOff.objects.exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>Sign in</html>",
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:never\r\nEND:VEVENT\r\nEND:VCALENDAR",
        calendar(event("1", NOW, NOW + HOUR, "RRULE:FREQ=SECONDLY")),
        calendar(event("1", NOW, NOW + HOUR, "RRULE:FREQ=DAILY;INTERVAL=0")),
        calendar(event("1", NOW, NOW + HOUR, "RRULE:FREQ=DAILY;BYHOUR=1,2,3;BYMINUTE=1,2,3")),
        calendar(event("1", NOW.replace(year=1), NOW.replace(year=1) + HOUR, "RRULE:FREQ=DAILY")),
        calendar(*[event(str(n), NOW, NOW + HOUR) for n in range(2001)]),
        calendar(event("1", NOW, NOW + HOUR, "X-LONG:" + "x" * 2**21)),
    ],
    ids=["empty", "html", "no date", "secondly", "interval 0", "too often", "year 1", "too many", "too long"],
)
def test_what_no_calendar_should_hold_is_refused_soon(text: str) -> None:
    began = perf_counter()
    with pytest.raises(InvalidInput) as refusal:
        ical.read(text, ZoneInfo("UTC"), NOW, NOW + DAY * 180)
    assert refusal.value.field == "calendar"
    assert perf_counter() - began < 10


class Served(BaseHTTPRequestHandler):
    """Answers with what the test put there."""

    answers: dict[str, tuple[int, bytes]] = {}

    def do_GET(self) -> None:
        status, body = self.answers.get(self.path, (404, b""))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server(settings: Any) -> Iterator[str]:
    settings.AIOPS_OUTBOUND_ALLOW = ["127.0.0.1"]
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Served)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_addresses_are_fetched_and_failures_are_told_to_their_owner(
    make: MakeSchedule, ana: User, bo: User, server: str, settings: Any
) -> None:
    schedule = make(ana)
    off = event("9", NOW + DAY, NOW + DAY * 2, "SUMMARY:Sea")
    cover = event("1", NOW, NOW + HOUR, "ATTENDEE:mailto:bo@example.com")
    Served.answers = {"/a.ics": (200, calendar(cover).encode()), "/b.ics": (200, calendar(off).encode())}
    set_import(actor=SYSTEM, schedule_id=schedule.pk, url=f"{server}/a.ics")
    set_import(actor=actor_for_user(ana), url=f"{server}/b.ics")
    assert "a.ics" not in Schedule.objects.get().import_sealed
    assert import_due(NOW) == 2
    assert holder(schedule, NOW) == bo.pk
    assert TimeOff.objects.get().reason == "Sea"
    Served.answers = {"/a.ics": (403, b""), "/b.ics": (200, b"<html>")}
    assert import_due(NOW + HOUR / 4) == 0
    row = Schedule.objects.get()
    assert row.import_error == "The calendar's server answered 403" and row.imported_at == NOW
    assert "no iCalendar" in PersonalCalendar.objects.get().import_error
    assert holder(schedule, NOW + HOUR / 2) == bo.pk  # what came before stays
    settings.AIOPS_OUTBOUND_ALLOW = []
    import_due(NOW + HOUR / 2)
    assert "internal network" in Schedule.objects.get().import_error
    set_import(actor=SYSTEM, schedule_id=schedule.pk, url="")
    set_import(actor=actor_for_user(ana), url="")
    assert import_due(NOW) == 0 and Schedule.objects.get().import_error == ""


@pytest.mark.parametrize(
    "url", ["ftp://example.com/x", "calendar", "https://", "javascript:alert(1)", "https://x/" + "a" * 999]
)
def test_what_is_no_address_is_refused(ana: User, url: str) -> None:
    with pytest.raises(InvalidInput):
        set_import(actor=actor_for_user(ana), url=url)
