"""The schedule editor, and what pages say about the edges of time: changes are seen before they are saved."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from typing import Any

import pytest

from aiops.access.actors import SYSTEM
from aiops.access.models import User, Workspace
from aiops.kernel.clock import utcnow
from notifications import oncall
from notifications.models import Layer, Schedule
from notifications.oncall.selectors.schedules import holders, load
from notifications.oncall.services.schedules import ScheduleDraft, create_schedule
from tests.oncall.conftest import MakeSchedule, day_layer, seen
from tests.oncall.test_pages import DAY, HOUR, Browser, said, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def now() -> datetime:
    """Pages read the clock themselves; minutes, as people type them."""
    return utcnow().replace(second=0, microsecond=0)


def typed_layer(layer: Layer, *people: User) -> dict[str, Any]:
    return {
        "name": "Primary",
        "time_zone": "UTC",
        "layer-count": "1",
        "layer-0-id": layer.pk,
        "layer-0-length": layer.length,
        "layer-0-unit": layer.unit,
        "layer-0-starts_at": layer.starts_at.strftime("%Y-%m-%dT%H:%M"),
        "layer-0-member": [str(user.pk) for user in people],
    }


def test_the_editor_shows_who_changes_before_anything_is_saved(
    browser: Browser, admin: User, ana: User, bo: User, cy: User, now: datetime, make: MakeSchedule
) -> None:
    begins = now.replace(hour=9, minute=0, second=0, microsecond=0) - DAY
    schedule = make(layers=[day_layer(ana, bo, unit="week", starts_at=begins)])
    client, layer = browser(admin), Layer.objects.get()
    path = f"/console/oncall/{schedule.pk}/edit"
    sheet = typed_layer(layer, ana, cy, bo)
    page = " ".join(re.sub(r"<[^>]+>", " ", text_of(client.post(path, sheet))).split())
    handover = begins + 7 * DAY
    assert f"Ana keeps it until {handover:%a} {handover.day} {handover:%b} 09:00 ." in page.replace("00.", "00 .")
    assert "Cy instead of Bo" in page and "Nothing is saved yet" in page
    assert Layer.objects.get() == layer
    assert "saved" not in said(client, path, {**sheet, "seen": "0123456789abcdef"})  # they are others by now
    assert "Primary is saved" in said(client, path, seen(client, schedule, sheet))
    assert holders([schedule.pk], now)[schedule.pk].user_id == ana.pk
    assert holders([schedule.pk], handover)[schedule.pk].user_id == cy.pk
    assert "Primary is saved" in said(client, path, typed_layer(Layer.objects.get(retired_at=None), ana, cy, bo))


def test_nobody_instead_of_somebody_is_said(
    browser: Browser, admin: User, ana: User, now: datetime, make: MakeSchedule
) -> None:
    schedule = make(layers=[day_layer(ana, starts_at=now - DAY)])
    sheet = {**typed_layer(Layer.objects.get(), ana), "layer-0-remove": "on"}
    page = " ".join(text_of(browser(admin).post(f"/console/oncall/{schedule.pk}/edit", sheet)).split())
    assert "From now on: <b>nobody</b> instead of Ana" in page


def test_more_places_are_added_without_saving(browser: Browser, admin: User, ana: User, bo: User) -> None:
    sheet = {
        "name": "Edge",
        "time_zone": "UTC",
        "layer-count": "1",
        "layer-0-member": [str(ana.pk), str(bo.pk)],
        "more": "1",
    }
    page = text_of(browser(admin).post("/console/oncall/new", sheet))
    assert page.count('name="layer-0-member"') == 4 and 'name="layer-1-member"' in page
    assert not Schedule.objects.exists()


def test_what_is_wrong_is_said_at_its_field(browser: Browser, admin: User, ana: User) -> None:
    sheet = {
        "name": "Edge",
        "time_zone": "UTC",
        "layer-count": "2",
        "layer-0-member": [""],
        "layer-1-member": [str(ana.pk)],
        "layer-1-unit": "day",
        "layer-1-starts_at": "2026-03-02T22:00",
        "layer-1-rule-count": "1",
        "layer-1-rule-0-from": "22:00",
        "layer-1-rule-0-to": "06:00",
    }
    for field, value in [
        ("time_zone", "Berlin"),
        ("name", " "),
        ("layer-1-time_zone", "Mars"),
        ("layer-1-starts_at", "soon"),
        ("layer-1-ends_at", "2020-01-01T00:00"),
        ("layer-1-length", "0"),
        ("layer-1-member", ["999999"]),
        ("layer-1-rule-0-to", "25:00"),
    ]:
        answer = browser(admin).post("/console/oncall/new", {**sheet, field: value})
        page = answer.content.decode()
        assert answer.status_code == 422
        (marked,) = re.findall(r'<(?:input|select)[^>]*name="([^"]+)"[^>]*aria-invalid="true"', page)
        assert marked == field and page.count('id="wrong"') == 1 and 'class="message error"' not in page, field
        assert re.search(r'aria-invalid="true" aria-describedby="wrong" autofocus', page)


def test_the_fallback_has_nothing_before_the_schedule_was_made(
    browser: Browser, ana: User, bo: User, now: datetime, workspace: Workspace
) -> None:
    layer = day_layer(ana, starts_at=now + DAY)
    draft = ScheduleDraft(name="Young", layers=[layer], fallback_id=bo.pk)
    create_schedule(actor=SYSTEM, workspace_id=workspace.pk, draft=draft, now=now - HOUR)
    first = (now - 20 * DAY).date()
    answer = browser(ana).get(f"/console/oncall/fairness?since={first}&until={now.date()}&format=csv")
    hours = {row["username"]: float(row["hours"]) for row in csv.DictReader(io.StringIO(text_of(answer)))}
    assert 0 < hours.pop("bo") <= 25 and not hours
    schedule = Schedule.objects.get()
    assert browser(ana).get(f"/console/oncall/{schedule.pk}?from={first}").status_code == 200
    spec = load([schedule.pk], now - 20 * DAY, now)[schedule.pk]
    assert [shift.start for shift in oncall.final_schedule(spec, now - 20 * DAY, now)] == [now - HOUR]
    assert [gap.start for gap in oncall.gaps(spec, now - 20 * DAY, now)] == [now - HOUR]


def test_the_last_shift_of_a_list_ends_where_it_ends(
    browser: Browser, ana: User, bo: User, now: datetime, make: MakeSchedule
) -> None:
    begins = now.replace(hour=9, minute=0, second=0, microsecond=0) - 55 * DAY
    make(layers=[day_layer(ana, bo, length=4, unit="week", starts_at=begins)])
    page = text_of(browser(ana).get("/console/oncall/mine"))
    ends = begins + 28 * DAY * 5
    assert f"{ends:%a} {ends.day} {ends:%b} 09:00" in page
    make(ana, name="Endless")
    assert "no end is planned" in text_of(browser(ana).get("/console/oncall/mine"))
