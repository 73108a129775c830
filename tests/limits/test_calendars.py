"""The worst known calendars: each costs a second or two of processor time in a process of its own, and is refused with words."""

from __future__ import annotations

import gzip
import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from aiops.access.models import User, Workspace
from aiops.kernel.errors import InvalidInput
from notifications.models import TimeOff
from notifications.oncall.services.calendar_reading import read
from tests.console.conftest import browser  # noqa: F401 (a fixture)
from tests.factories import NOW, make_user
from tests.limits.budget import cpu_budget

NEVER = "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"


def calendar(lines: list[str], count: int = 1, head: str = "") -> bytes:
    event = "DTSTART:19700101T100000Z\r\nDTEND:19700101T110000Z\r\n" + "\r\n".join(lines)
    body = "".join(f"BEGIN:VEVENT\r\nUID:{n}\r\n{event}\r\nEND:VEVENT\r\n" for n in range(count))
    return f"BEGIN:VCALENDAR\r\n{head}{body}END:VCALENDAR\r\n".encode()


def zone(rules: str) -> str:
    part = f"DTSTART:16010101T000000\r\nRRULE:{rules}\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n"
    halves = f"BEGIN:STANDARD\r\n{part}END:STANDARD\r\nBEGIN:DAYLIGHT\r\n{part}END:DAYLIGHT\r\n"
    return "".join(f"BEGIN:VTIMEZONE\r\nTZID:z{n}\r\n{halves}END:VTIMEZONE\r\n" for n in range(60))


IN_ZONES = [f"RDATE;TZID=z{n}:20260401T100000" for n in range(60)]
WORST = {
    "a rule that never matches, 500 times": calendar([NEVER], 500),
    "other rules that never match": calendar(["RRULE:FREQ=MONTHLY;BYDAY=MO;BYSETPOS=31"] * 2, 200),
    "each day since 1970, 2,000 times": calendar(["RRULE:FREQ=DAILY"], 2000),
    "a billion times": calendar(["RRULE:FREQ=DAILY;COUNT=1000000000;BYMONTH=1,2,3,4,5,6,7,8,9,10,11,12"], 500),
    "100 rules in one": calendar(["RRULE:FREQ=DAILY;BYHOUR=1"] * 100, 100),
    "dates by the ten thousand": calendar(["RDATE:" + ",".join(["20260401T100000Z"] * 3000)] * 20, 50),
    "exceptions by the ten thousand": calendar(["RRULE:FREQ=DAILY", "EXDATE:" + ",".join(["20260401T100000Z"] * 3000)], 300),
    "endless zones": calendar(["DTSTART;TZID=z1:20260401T100000", *IN_ZONES], 100, zone("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30")),
    "zones by the second": calendar(["DTSTART;TZID=z1:20260401T100000", *IN_ZONES], 100, zone("FREQ=SECONDLY")),
    "a line of 30 MB": calendar(["DESCRIPTION:" + "x" * 30_000_000]),
    "a rule of 30 MB": calendar(["RRULE:FREQ=DAILY;BYMONTHDAY=" + "1," * 15_000_000]),
    "a fold per letter": calendar(["DESCRIPTION:" + "\r\n x" * 7_000_000]),
    "alarms inside alarms": calendar(["BEGIN:VALARM"] * 2_000_000),
    "events without an end": b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\n" * 2_000_000 + b"END:VCALENDAR\r\n",
    "empty events": b"BEGIN:VCALENDAR\r\n" + b"BEGIN:VEVENT\r\nEND:VEVENT\r\n" * 1_000_000 + b"END:VCALENDAR\r\n",
    "empty lines": b"BEGIN:VCALENDAR\r\n" + b"\r\n" * 16_000_000 + b"END:VCALENDAR\r\n",
    "semicolons": calendar(["ATTENDEE" + ";A=\"" * 15_000 + ":mailto:a@b.c"] * 100, 10),
    "a packed gigabyte": gzip.compress(b"BEGIN:VCALENDAR\r\n" + b"x" * 2**30, 1),
    "packed thrice": gzip.compress(gzip.compress(gzip.compress(b"\0" * 10**8))),
}  # fmt: skip


@pytest.mark.parametrize("name", WORST)
def test_the_worst_calendars_cost_seconds_at_most(name: str) -> None:
    with cpu_budget(4.5):
        try:
            read(WORST[name], "Europe/Berlin", NOW, NOW + timedelta(days=180))
        except InvalidInput as refusal:
            assert refusal.field == "calendar"


@pytest.mark.django_db
def test_24_uploads_of_a_bomb_cost_what_one_does(browser: Any, workspace: Workspace) -> None:  # noqa: F811
    ana = browser(make_user("ana", workspace))
    bomb = calendar([NEVER], 500)
    assert 66_000 > len(bomb) > 60_000
    with cpu_budget(8):
        for _ in range(24):
            file = SimpleUploadedFile("a.ics", bomb)
            answer = ana.post("/console/oncall/mine/import", {"file": file}, follow=True)
            assert answer.status_code == 200
    assert "One file a minute" in answer.content.decode()
    assert not TimeOff.objects.exists()


@pytest.mark.django_db
def test_somebody_without_a_workspace_has_no_calendar(browser: Any) -> None:  # noqa: F811
    nobody = browser(make_user("nobody1"))
    assert nobody.get("/console/oncall/mine").status_code == 403
    nobody.post("/console/oncall/mine/import", {"file": io.BytesIO(calendar([], 1))})
    assert not User.objects.filter(calendar__isnull=False).exists()
