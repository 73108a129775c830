"""Calendars: a feed that icalendar reads back, events that become overrides and time off, hostile ones refused."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import icalendar
import pytest
from django.db import connection
from django.test import Client

from aiops.access.actors import SYSTEM
from aiops.access.models import User
from aiops.access.people import actor_for_user
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted
from incidents.models import Incident, Trouble
from notifications import oncall
from notifications.models import Override, PersonalCalendar, Schedule, TimeOff
from notifications.oncall.selectors.schedules import holders, load
from notifications.oncall.services.calendars import (
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


def test_a_feed_without_shifts_is_a_whole_calendar(ana: User) -> None:
    _, text = feed(key=personal_calendar(user_id=ana.pk).feed_key, now=NOW)
    read = icalendar.Calendar.from_ical(text)
    assert [part.name for part in read.subcomponents] == ["VTIMEZONE"] and b"X-WR-CALNAME" in text
    assert import_text(actor=actor_for_user(ana), text=text, now=NOW).taken == 0


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


class Served(BaseHTTPRequestHandler):
    """Answers with what the test put there."""

    answers: dict[str, tuple[int, bytes]] = {}

    def do_GET(self) -> None:
        status, body = self.answers.get(self.path, (404, b""))
        self.send_response(status)
        if status in (301, 302, 307):
            self.send_header("Location", body.decode())
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


def test_an_event_that_can_not_be_read_any_more_keeps_what_it_brought(
    make: MakeSchedule, ana: User, bo: User, cy: User
) -> None:
    schedule = make(ana)
    shift = event("a@x", NOW + HOUR, NOW + HOUR * 2, "ATTENDEE:mailto:bo@example.com")
    other = event("b@x", NOW + HOUR * 3, NOW + HOUR * 4, "ATTENDEE:mailto:cy@example.com")
    broken = "UID:a@x\r\nSUMMARY:Shift\r\nDTSTART:20260231T100000Z\r\nATTENDEE:mailto:bo@example.com"
    import_text(actor=SYSTEM, schedule_id=schedule.pk, text=calendar(shift, other), now=NOW)
    took = import_text(actor=SYSTEM, schedule_id=schedule.pk, text=calendar(broken), now=NOW)
    assert took.complaint.startswith("One event was left out (“Shift”: '20260231T100000Z' is no date")
    assert [holder(schedule, NOW + HOUR * n) for n in (1, 3)] == [bo.pk, ana.pk]  # the one that is gone, is
    import_text(actor=SYSTEM, schedule_id=schedule.pk, text=calendar(other), now=NOW)
    assert [holder(schedule, NOW + HOUR * n) for n in (1, 3)] == [ana.pk, cy.pk]
    off = event("off@x", NOW + DAY, NOW + DAY * 2, "SUMMARY:Sea")
    import_text(actor=actor_for_user(ana), text=calendar(off), now=NOW)
    import_text(actor=actor_for_user(ana), text=calendar(off.replace("DTSTART:", "DTSTART;TZID=:")), now=NOW)
    assert TimeOff.objects.get(user=ana).reason == "Sea"
    import_text(actor=actor_for_user(ana), text=calendar(), now=NOW)
    assert not TimeOff.objects.filter(user=ana).exists()


def test_one_bad_calendar_costs_only_itself_and_is_told_after_a_day(
    make: MakeSchedule, ana: User, bo: User, server: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = make(ana), make(ana, name="Second")
    cover = event("1", NOW, NOW + DAY * 9, "ATTENDEE:mailto:bo@example.com")
    off = event("9", NOW + DAY * 3, NOW + DAY * 4, "SUMMARY:Sea")
    Served.answers = {
        "/bad.ics": (200, b"\x1f\x8b\x00\x00nonsense\x00" * 50),
        "/good.ics": (200, calendar(cover).encode()),
        "/off.ics": (200, calendar(off).encode()),
    }
    set_import(actor=SYSTEM, schedule_id=bad.pk, url=f"{server}/bad.ics")
    set_import(actor=SYSTEM, schedule_id=good.pk, url=f"{server}/good.ics")
    set_import(actor=actor_for_user(ana), url=f"{server}/off.ics")
    assert import_due(NOW) == 2
    assert holder(good, NOW) == bo.pk and TimeOff.objects.get().reason == "Sea"
    row = Schedule.objects.get(pk=bad.pk)
    assert "no iCalendar" in row.import_error and row.imported_at is None and row.import_tried_at == NOW
    fails = Incident.objects.filter(title__startswith="The calendar of the schedule Primary fails since")
    import_due(NOW + HOUR * 23)
    assert not fails.exists()
    import_due(NOW + DAY)
    import_due(NOW + DAY + HOUR)
    told = fails.get()
    assert told.workspace_id == bad.workspace_id and told.is_live and "no iCalendar" in told.description
    Served.answers["/bad.ics"] = (200, calendar(cover).encode())
    import_due(NOW + DAY * 2)
    assert not fails.get().is_live and not Trouble.objects.exists()
    assert Schedule.objects.get(pk=bad.pk).import_error == ""


def test_a_calendar_that_the_database_refuses_stops_nobody_elses(
    make: MakeSchedule, ana: User, bo: User, server: str
) -> None:
    bad, good = make(ana), make(ana, name="Second")
    cover = event("1", NOW, NOW + HOUR, "ATTENDEE:mailto:bo@example.com")
    for schedule, name in ((bad, "bad"), (good, "good")):
        Served.answers[f"/{name}.ics"] = (200, calendar(cover).encode())
        set_import(actor=SYSTEM, schedule_id=schedule.pk, url=f"{server}/{name}.ics")
    with connection.cursor() as cursor:  # as a constraint of tomorrow would
        cursor.execute(
            f"ALTER TABLE notifications_override ADD CONSTRAINT nothing_for_one CHECK (schedule_id <> {bad.pk}) NOT VALID"
        )
    assert import_due(NOW) == 1
    assert holder(good, NOW) == bo.pk and holder(bad, NOW) == ana.pk
    assert Schedule.objects.get(pk=bad.pk).import_error == "It could not be taken (IntegrityError)"


def test_calendars_left_longest_come_first_and_only_those_that_are_due(
    make: MakeSchedule, ana: User, server: str
) -> None:
    schedule = make(ana)
    Served.answers = {"/a.ics": (200, calendar().encode())}
    set_import(actor=SYSTEM, schedule_id=schedule.pk, url=f"{server}/a.ics")
    assert import_due(NOW, every=HOUR / 4) == 1
    assert import_due(NOW + HOUR / 5, every=HOUR / 4) == 0
    assert import_due(NOW + HOUR / 4, every=HOUR / 4) == 1
    assert import_due(NOW + HOUR, seconds=-1) == 0


def test_an_address_may_lead_elsewhere_within_the_guard(make: MakeSchedule, ana: User, bo: User, server: str) -> None:
    schedule = make(ana)
    cover = event("1", NOW, NOW + HOUR, "ATTENDEE:mailto:bo@example.com")
    Served.answers = {
        "/old.ics": (301, b"/newer.ics"),
        "/newer.ics": (302, f"{server}/here.ics".encode()),
        "/here.ics": (200, b"\xef\xbb\xbf" + calendar(cover).encode()),
        "/round.ics": (302, b"/round.ics"),
        "/inside.ics": (302, b"http://127.0.0.2/x.ics"),
        "/elsewhere.ics": (302, b"file:///etc/passwd"),
    }

    def error_of(name: str) -> str:
        set_import(actor=SYSTEM, schedule_id=schedule.pk, url=f"{server}/{name}.ics")
        import_due(NOW)
        return Schedule.objects.get().import_error

    assert error_of("old") == "" and holder(schedule, NOW) == bo.pk
    assert error_of("round") == "The calendar could not be fetched (TooManyRedirects)"
    assert "127.0.0.2 is an address of an internal network" in error_of("inside")
    assert error_of("elsewhere") == "The calendar could not be fetched (UnsupportedProtocol)"


def test_a_decade_of_history_is_no_obstacle(make: MakeSchedule, ana: User, bo: User, server: str) -> None:
    schedule = make(ana)
    words = "\r\n ".join(["x" * 70] * 100)
    past = [event(str(n), NOW - DAY * (n + 9), NOW - DAY * (n + 8), f"DESCRIPTION:{words}") for n in range(2600)]
    cover = event("now", NOW, NOW + HOUR, "ATTENDEE:mailto:bo@example.com")
    body = calendar(*past, cover).encode()
    assert len(body) > 18 * 2**20
    Served.answers = {"/a.ics": (200, body)}
    set_import(actor=SYSTEM, schedule_id=schedule.pk, url=f"{server}/a.ics")
    assert import_due(NOW) == 1 and holder(schedule, NOW) == bo.pk


def test_the_address_of_an_import_is_not_shown(
    make: MakeSchedule, ana: User, admin: User, browser: Callable[[User], Client]
) -> None:
    schedule = make(ana)
    secret = "https://calendar.example.net/private-0123456789/basic.ics"
    set_import(actor=SYSTEM, schedule_id=schedule.pk, url=secret)
    set_import(actor=actor_for_user(admin), url=secret)
    for path in (f"/console/oncall/{schedule.pk}", "/console/oncall/mine"):
        page = browser(admin).get(path).content.decode()
        assert "calendar.example.net" in page and "private-0123456789" not in page
        browser(admin).post(f"{path}/import", {"import_url": ""})  # nothing typed: nothing changed
    assert Schedule.objects.get().import_url == PersonalCalendar.objects.get(user=admin).import_url == secret
    browser(admin).post(f"/console/oncall/{schedule.pk}/import", {"stop": "1"})
    assert Schedule.objects.get().import_url == ""
