"""The pages about who is on call, by form alone, as the people who use them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from aiops.access.models import User
from aiops.kernel.clock import utcnow
from notifications.models import Layer, Override, PersonalCalendar, Schedule, ShiftSwap, TimeOff
from notifications.oncall.console.editing import Sheet, editor_context
from notifications.oncall.selectors.schedules import holders
from tests.factories import make_user, make_workspace
from tests.oncall.conftest import MakeSchedule, day_layer, seen

pytestmark = pytest.mark.django_db
Browser = Callable[[User], Client]
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def now() -> datetime:
    """Pages read the clock themselves; minutes, as people type them."""
    return utcnow().replace(second=0, microsecond=0)


@pytest.mark.parametrize(("clock", "zone", "begins"), [
    ("2026-03-18T10:00", "UTC", "2026-03-18T09:00"),
    ("2026-03-18T01:44", "UTC", "2026-03-17T09:00"),
    ("2026-03-18T16:00", "America/Los_Angeles", "2026-03-18T09:00"),
    ("2026-03-18T15:59", "America/Los_Angeles", "2026-03-17T09:00"),
])  # fmt: skip
def test_the_first_turn_that_is_proposed_has_begun(ana: User, clock: str, zone: str, begins: str) -> None:
    """A schedule that is made at night leaves nobody without a page until nine."""
    now = datetime.fromisoformat(clock).replace(tzinfo=UTC)
    shown = editor_context(Sheet(time_zone=zone), ana.memberships.get().workspace, None, now)
    assert shown["layers"][-1][1].starts_at == begins


@pytest.fixture
def schedule(make: MakeSchedule, ana: User, bo: User, cy: User, now: datetime) -> Schedule:
    """Ana now, then Bo, then Cy, two days each; nobody from 06:00 to 08:00."""
    hours = [{"days": [], "from": "08:00", "to": "06:00"}]
    layer = day_layer(ana, bo, cy, starts_at=now - HOUR, length=2, name="Base", restrictions=hours)
    return make(layers=[layer], description="<script>alert(1)</script>")


def typed(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M")


def text_of(answer: Any) -> str:
    assert answer.status_code == 200, answer
    return answer.content.decode()


def said(client: Client, path: str, data: dict[str, Any]) -> str:
    """What the page says after a form was sent."""
    page = client.post(path, data, follow=True).content.decode()
    return " ".join(re.findall(r'<p class="message [^>]*>(.*?)</p>', page))


def test_who_is_on_now_and_what_is_missing(schedule: Schedule, browser: Browser, bo: User) -> None:
    page = text_of(browser(bo).get("/console/oncall"))
    assert "Primary" in page and "until" in page and "Nobody" in page and "url(#hatch)" in page
    assert "style=" not in page  # the content security policy would drop it
    fragment = text_of(browser(bo).get("/console/oncall", headers={"HX-Request": "true"}))
    assert "<html" not in fragment and 'id="glances"' in fragment


@pytest.mark.parametrize(
    "query", ["", "?weeks=4", "?weeks=2&from=2026-12-28", "?from=nonsense&weeks=x", "?from=0001-01-01"]
)
def test_the_calendar_has_weeks_lanes_and_gaps(
    schedule: Schedule,
    browser: Browser,
    ana: User,
    query: str,
) -> None:
    page = text_of(browser(ana).get(f"/console/oncall/{schedule.pk}{query}"))
    assert page.count('class="card week"') == (4 if "weeks=4" in query else 2)
    assert ">Base<" in page and page.count("data-draw=") in (2, 4)
    assert "url(#hatch)" in page
    assert "<script>alert" not in page


def test_pages_cost_the_same_for_many_schedules(
    schedule: Schedule,
    make: MakeSchedule,
    browser: Browser,
    ana: User,
    bo: User,
    django_assert_max_num_queries: Any,
) -> None:
    client = browser(ana)
    for n in range(5):
        make(ana, bo, name=f"s{n}")
    with django_assert_max_num_queries(24):
        client.get("/console/oncall")


def test_an_override_made_by_form_changes_who_has_it(
    schedule: Schedule,
    browser: Browser,
    ana: User,
    bo: User,
    now: datetime,
) -> None:
    ana.time_zone = "America/New_York"
    ana.save()
    client = browser(ana)
    wall = now.astimezone(ZoneInfo("America/New_York"))
    page = text_of(client.get(f"/console/oncall/{schedule.pk}?starts={typed(wall)}&ends={typed(wall + HOUR)}"))
    assert f'value="{typed(wall)}"' in page
    data = {"user": bo.pk, "starts_at": typed(wall + HOUR), "ends_at": typed(wall + HOUR * 3), "reason": "Dentist"}
    assert "Bo has Primary" in said(client, f"/console/oncall/{schedule.pk}/override", data)
    (row,) = Override.objects.all()
    assert (row.starts_at, row.ends_at, row.created_by) == (now + HOUR, now + HOUR * 3, "Ana")
    assert "Dentist" in text_of(client.get(f"/console/oncall/{schedule.pk}"))
    bad = {**data, "ends_at": typed(wall)}
    assert "must lie after" in said(client, f"/console/oncall/{schedule.pk}/override", bad)
    assert "date and a time" in said(client, f"/console/oncall/{schedule.pk}/override", {**data, "starts_at": "soon"})
    assert "over" in said(client, f"/console/oncall/overrides/{row.pk}/end", {})
    assert not Override.objects.exists()


def test_a_viewer_is_told_why_not(schedule: Schedule, browser: Browser, cy: User, bo: User, now: datetime) -> None:
    data = {"user": bo.pk, "starts_at": typed(now + HOUR), "ends_at": typed(now + HOUR * 2)}
    assert "shifts of your own" in said(browser(cy), f"/console/oncall/{schedule.pk}/override", data)
    assert browser(cy).get(f"/console/oncall/{schedule.pk}/edit").status_code == 403


def test_one_tap_takes_a_swap(
    schedule: Schedule, browser: Browser, ana: User, bo: User, cy: User, now: datetime
) -> None:
    asking = browser(ana)
    assert "Who takes Primary" in text_of(asking.get(f"/console/oncall/{schedule.pk}/swap?starts={typed(now + HOUR)}"))
    data = {
        "candidate": "",
        "starts_at": typed(now + DAY),
        "ends_at": typed(now + DAY + HOUR / 2),
        "note": "<b>Please</b>",
    }
    if now.hour in (5, 6, 7):  # the gap of the schedule's night
        data |= {"starts_at": typed(now + DAY / 2), "ends_at": typed(now + DAY / 2 + HOUR / 2)}
    assert "was asked" in said(asking, f"/console/oncall/{schedule.pk}/swap/ask", data)
    swap = ShiftSwap.objects.get()
    assert "Can you take it?" in text_of(browser(cy).get("/console/oncall/mine"))
    page = text_of(browser(cy).get(f"/console/oncall/swaps/{swap.pk}"))
    assert "accept-swap" in page and "&lt;b&gt;Please" in page
    assert "The shift is yours" in said(browser(cy), f"/console/oncall/swaps/{swap.pk}/accept", {})
    assert holders([schedule.pk], swap.starts_at)[schedule.pk].user_id == cy.pk
    assert "Cy was first" in said(browser(bo), f"/console/oncall/swaps/{swap.pk}/accept", {})
    late = text_of(browser(bo).get(f"/console/oncall/swaps/{swap.pk}"))
    assert "Cy was first" in late and "accept-swap" not in late
    assert "Cy took it" in text_of(asking.get("/console/oncall/mine"))
    assert browser(bo).get(f"/console/oncall/swaps/{swap.pk}/accept")["Location"] == "/console/oncall"
    assert browser(bo).post(f"/console/oncall/swaps/{swap.pk}/grab").status_code == 404


def test_my_page_has_shifts_time_off_and_a_calendar(
    schedule: Schedule,
    browser: Browser,
    ana: User,
    now: datetime,
    client: Client,
) -> None:
    mine = browser(ana)
    data = {"starts_at": typed(now + HOUR), "ends_at": typed(now + DAY), "reason": "Sea"}
    assert "You are on call in that time" in said(mine, "/console/oncall/mine/time-off", data)
    page = text_of(mine.get("/console/oncall/mine"))
    assert "You are away" in page and "Sea" in page
    (address,) = re.findall(r"http://testserver(/oncall/feeds/[0-9a-f]{32}\.ics)", page)
    assert client.get(address).status_code == 200
    assert "new address" in said(mine, "/console/oncall/mine/feed", {})
    assert client.get(address).status_code == 404
    assert "Ana" in text_of(browser(ana).get("/console/oncall")) and "On call while away" in text_of(
        browser(ana).get("/console/oncall")
    )
    said(mine, f"/console/oncall/mine/time-off/{TimeOff.objects.get().pk}/remove", {})
    assert not TimeOff.objects.exists()
    off = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:{0:%Y%m%dT%H%M%SZ}\r\nDURATION:P1D\r\nEND:VEVENT\r\nEND:VCALENDAR"
    file = io.BytesIO(off.format(now + DAY).encode())
    file.name = "off.ics"
    assert "1 event taken" in said(mine, "/console/oncall/mine/import", {"file": file})
    assert "within 15 minutes" in said(
        mine, "/console/oncall/mine/import", {"import_url": "webcal://example.com/a.ics"}
    )
    assert PersonalCalendar.objects.get(user=ana).import_url == "https://example.com/a.ics"
    assert "must begin with" in said(mine, "/console/oncall/mine/import", {"import_url": "ftp://x"})


def test_the_editor_makes_and_changes_schedules(browser: Browser, admin: User, ana: User, bo: User) -> None:
    client = browser(admin)
    sheet = {
        "name": "Edge",
        "time_zone": "Europe/Berlin",
        "alert_on_gaps": "on",
        "layer-count": "2",
        "layer-0-name": "Nights",
        "layer-0-length": "2",
        "layer-0-unit": "day",
        "layer-0-starts_at": "2026-03-02T22:00",
        "layer-0-member": [str(bo.pk), "", str(ana.pk)],
        "layer-0-order": "1",
        "layer-0-rule-count": "2",
        "layer-0-rule-0-day": ["0", "4"],
        "layer-0-rule-0-from": "22:00",
        "layer-0-rule-0-to": "06:00",
        "layer-1-member": ["", ""],  # the empty one at the end is no layer
    }
    assert "Edge is saved" in said(client, "/console/oncall/new", sheet)
    schedule, layer = Schedule.objects.get(), Layer.objects.get()
    assert (layer.length, layer.unit, layer.starts_at.isoformat()) == (2, "day", "2026-03-02T21:00:00+00:00")
    assert layer.restrictions == [{"days": [0, 4], "from": "22:00", "to": "06:00"}]
    assert [member.user for member in layer.members.all()] == [bo, ana]
    page = text_of(client.get(f"/console/oncall/{schedule.pk}/edit"))
    assert 'value="2026-03-02T22:00"' in page and "Add a layer" in page
    same = {**sheet, "layer-0-id": layer.pk, "layer-0-name": "Night shift"}
    said(client, f"/console/oncall/{schedule.pk}/edit", same)
    assert Layer.objects.get().name == "Night shift"  # nothing else was changed: the same row
    for field, value, complaint in [
        ("time_zone", "Berlin", "IANA"),
        ("layer-0-starts_at", "tomorrow", "no date and time"),
        ("layer-0-unit", "eon", "hours, days, weeks or months"),
        ("layer-0-length", "x", "from 1 to 1000"),
        ("layer-0-rule-0-to", "25:00", "time of day"),
        ("layer-0-member", ["999999"], "no member"),
    ]:
        answer = client.post(f"/console/oncall/{schedule.pk}/edit", {**same, field: value})
        assert answer.status_code == 422 and complaint in answer.content.decode(), field
        assert "Night shift" in answer.content.decode()
    said(client, f"/console/oncall/{schedule.pk}/edit", seen(client, schedule, {**same, "layer-0-remove": "on"}))
    assert not Layer.objects.filter(retired_at=None).exists()
    assert "gone" in said(client, f"/console/oncall/{schedule.pk}/delete", {})


def test_the_report_as_a_page_and_a_table(schedule: Schedule, browser: Browser, ana: User, now: datetime) -> None:
    ana.first_name = "=HYPERLINK(1)"
    ana.save()
    client = browser(ana)
    page = text_of(client.get("/console/oncall/fairness"))
    assert "Sleep interrupted" in page and "HYPERLINK" in page
    day = now.date()
    answer = client.get(f"/console/oncall/fairness?since={day}&until={day + DAY}&schedule={schedule.pk}&format=csv")
    rows = list(csv.DictReader(io.StringIO(text_of(answer))))
    assert answer["Content-Type"].startswith("text/csv")
    assert rows[0]["name"] == "'=HYPERLINK(1)" and float(rows[0]["hours"]) > 1
    assert client.get("/console/oncall/fairness?since=2026-01-01&until=2025-01-01").status_code == 422
    assert client.get("/console/oncall/fairness?since=x").status_code == 422


def test_others_workspaces_do_not_exist(schedule: Schedule, browser: Browser, client: Client) -> None:
    stranger = browser(make_user("stranger", make_workspace()))
    for path in ("", "/edit", "/swap"):
        assert stranger.get(f"/console/oncall/{schedule.pk}{path}").status_code == 404
    assert stranger.get("/console/oncall/swaps/1").status_code == 404
    assert stranger.get(f"/console/oncall/{10**30}").status_code == 404
    assert "Primary" not in text_of(stranger.get("/console/oncall"))
    assert client.get("/console/oncall").status_code == 302
