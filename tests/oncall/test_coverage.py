"""Gaps ahead become one incident per schedule, told once for each, gone when they are closed; how the load falls on people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aiops.access.actors import SYSTEM
from aiops.access.models import User, Workspace
from incidents.choices import Severity, Status
from incidents.models import Incident
from incidents.response.services import incidents
from notifications.choices import ChannelKind, DeliveryState, Purpose
from notifications.models import Delivery, Destination, Schedule
from notifications.oncall import Shift
from notifications.oncall.fairness import loads
from notifications.oncall.selectors.fairness import report
from notifications.oncall.services.coverage import watch
from notifications.oncall.services.overrides import create_override
from notifications.oncall.services.schedules import draft_of, update_schedule
from tests.factories import NOW, make_incident
from tests.oncall.conftest import MakeSchedule, day_layer

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def told() -> list[tuple[str, int, int]]:
    rows = Incident.objects.order_by("pk")
    return [(Status(row.status).value, row.severity, row.occurrences) for row in rows]


def cover(schedule: Schedule, user: User, start: datetime, end: datetime, now: datetime = NOW) -> None:
    create_override(actor=SYSTEM, schedule_id=schedule.pk, user_id=user.pk, starts_at=start, ends_at=end, now=now)


@pytest.mark.django_db
def test_a_gap_opens_one_incident_is_told_again_when_near_and_resolves_when_closed(
    make: MakeSchedule, ana: User, bo: User
) -> None:
    hole = NOW + DAY * 5
    schedule = make(layers=[day_layer(ana, ends_at=hole), day_layer(bo, starts_at=hole + HOUR * 2)])
    assert watch(NOW) == 1
    assert told() == [("open", Severity.MEDIUM, 1)]
    incident = Incident.objects.get()
    assert incident.title == "Nobody is on call: Primary, from Tue 24 Mar 14:30"
    assert "From Tue 24 Mar 14:30 to Tue 24 Mar 16:30" in incident.description
    watch(NOW + HOUR)
    assert told() == [("open", Severity.MEDIUM, 1)]  # once for each gap
    watch(hole - HOUR)
    assert told() == [("open", Severity.HIGH, 2)]  # and once more when it is near
    watch(hole + HOUR)
    assert told() == [("open", Severity.HIGH, 2)]  # also while it is on
    cover(schedule, ana, hole + HOUR, hole + HOUR * 2, now=hole + HOUR)
    assert watch(hole + HOUR) == 0
    assert told() == [("resolved", Severity.HIGH, 2)]
    watch(hole + HOUR * 3)
    assert told() == [("resolved", Severity.HIGH, 2)]


@pytest.mark.django_db
def test_a_person_who_resolves_it_is_not_contradicted_until_there_is_another_gap(make: MakeSchedule, ana: User) -> None:
    schedule = make(layers=[day_layer(ana, ends_at=NOW + DAY * 5)])
    watch(NOW)
    incidents.resolve(actor=SYSTEM, incident_id=Incident.objects.get().pk, now=NOW)
    watch(NOW + HOUR)
    assert told() == [("resolved", Severity.MEDIUM, 1)]
    cover(schedule, ana, NOW + DAY * 6, NOW + DAY * 7)
    watch(NOW + HOUR)
    assert told()[1:] == [("open", Severity.MEDIUM, 1)]


@pytest.mark.django_db
def test_a_gap_that_has_passed_is_not_told_again_for_those_that_are_left(make: MakeSchedule, ana: User) -> None:
    schedule = make(layers=[day_layer(ana, ends_at=NOW + DAY * 2)])
    cover(schedule, ana, NOW + DAY * 2 + HOUR, NOW + DAY * 20)
    cover(schedule, ana, NOW + DAY * 21, NOW + DAY * 99)
    watch(NOW)
    watch(NOW + DAY * 1.5)
    assert told() == [("open", Severity.HIGH, 2)]
    watch(NOW + DAY * 3)  # the first is over
    assert told() == [("open", Severity.HIGH, 2)]
    cover(schedule, ana, NOW + DAY * 20 + HOUR, NOW + DAY * 21, now=NOW + DAY * 3)
    watch(NOW + DAY * 3)
    assert told() == [("open", Severity.HIGH, 3)]  # what is left of the second ends earlier: another gap


@pytest.mark.django_db
def test_fallback_people_and_schedules_that_need_no_cover_open_nothing(make: MakeSchedule, ana: User, bo: User) -> None:
    layers = [day_layer(ana, restrictions=[{"days": [], "from": "09:00", "to": "17:00"}])]
    make(layers=layers, name="With fallback", fallback_id=bo.pk)
    office = make(layers=layers, name="Office hours", alert_on_gaps=False)
    make(layers=[], name="Empty")
    assert watch(NOW) == 0 and told() == []
    watched = replace(draft_of(office), alert_on_gaps=True)
    update_schedule(actor=SYSTEM, schedule_id=office.pk, draft=watched, now=NOW)
    assert watch(NOW) == 1
    update_schedule(actor=SYSTEM, schedule_id=office.pk, draft=replace(draft_of(office), alert_on_gaps=False), now=NOW)
    watch(NOW)
    assert [status for status, *_ in told()] == ["resolved"]


# --- fairness --------------------------------------------------------------------------------------------------------


def test_hours_nights_and_weekends_are_those_of_the_persons_clock() -> None:
    friday = datetime(2026, 3, 6, 12, tzinfo=UTC)
    shifts = [Shift(1, friday, friday + DAY * 3, "layer"), Shift(2, friday, friday + DAY * 3, "layer")]
    both = {one.user_id: one for one in loads(shifts, {}, {1: "UTC", 2: "America/New_York"}, friday, friday + DAY * 3)}
    assert (both[1].total, both[1].nights, both[1].weekends) == (DAY * 3, HOUR * 24, HOUR * 48)
    # Clocks went forward on Sunday the 8th: that night and that day have an hour less.
    assert (both[2].total, both[2].nights, both[2].weekends) == (DAY * 3, HOUR * 23, HOUR * 47)


def test_two_schedules_at_once_are_one_time_on_call_and_pages_close_together_wake_once() -> None:
    night = datetime(2026, 3, 10, 1, tzinfo=UTC)
    shifts = [Shift(1, night, night + HOUR * 4, "layer"), Shift(1, night + HOUR, night + HOUR * 2, "override")]
    pages = [night + HOUR * n / 4 for n in (0, 1, 2, 9)] + [night + HOUR * 12]
    (one,) = loads(shifts, {1: pages}, {1: "UTC"}, night, night + DAY)
    assert (one.total, one.shifts, one.pages, one.interruptions) == (HOUR * 4, 2, 5, 2)


def _phone(user: User) -> Destination:
    return Destination.objects.create(
        owner=user, kind=ChannelKind.VOICE, label="x", address_sealed="", address_digest=""
    )


@pytest.mark.django_db
def test_a_page_counts_once_however_many_phones_rang(
    make: MakeSchedule, workspace: Workspace, ana: User, bo: User
) -> None:
    schedule = make(ana, bo)
    incident = make_incident(workspace)
    midnight = NOW.replace(hour=23, minute=0)

    def page(user: User, at: datetime, **fields: object) -> None:
        defaults = {"purpose": Purpose.PAGE, "state": DeliveryState.DELIVERED, "kind": ChannelKind.SMS, "step": 0}
        Delivery.objects.create(
            workspace=workspace,
            incident=incident,
            recipient=user,
            sent_at=at,
            due_at=at,
            created_at=at,
            **defaults | fields,
        )

    page(ana, midnight)
    page(ana, midnight, destination=_phone(ana))
    page(ana, midnight + HOUR / 60, kind=ChannelKind.VOICE, round=1)
    page(ana, NOW, round=2, purpose=Purpose.STAND_DOWN)
    page(ana, NOW, round=3, state=DeliveryState.FAILED_PERMANENT)
    page(bo, NOW)
    found = {user.username: one for user, one in report([schedule], NOW - DAY, NOW + DAY)}
    assert (found["ana"].pages, found["ana"].interruptions) == (2, 1)
    assert (found["bo"].pages, found["bo"].interruptions) == (1, 0)
    assert found["ana"].total + found["bo"].total == NOW + DAY - NOW.replace(hour=9, minute=0)
