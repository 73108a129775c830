"""Schedules read from the database: few queries, and nobody who is no longer there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aiops.access.models import Membership, Workspace
from notifications.models import Layer, LayerMember, Override, Schedule
from notifications.oncall.selectors import schedules as oncall
from tests.factories import make_user

NOW = datetime(2026, 3, 19, 14, 30, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def a_schedule(workspace: Workspace, *names: str, **fields: object) -> Schedule:
    n = Schedule.objects.count()
    schedule = Schedule.objects.create(workspace=workspace, name=f"s{n}", feed_digest=f"{n}", feed_sealed="", **fields)
    layer = Layer.objects.create(schedule=schedule, unit="day", starts_at=NOW - timedelta(days=9, hours=1))
    for place, name in enumerate(names):
        LayerMember.objects.create(layer=layer, position=place, user=make_user(f"{name}{n}", workspace))
    return schedule


def names(schedules: list[Schedule]) -> list[str | None]:
    from aiops.access.models import User

    found = oncall.holders([schedule.pk for schedule in schedules], NOW)
    users = {user.pk: user.username for user in User.objects.all()}
    return [users[shift.user_id] if (shift := found[schedule.pk]) else None for schedule in schedules]


def test_many_schedules_cost_what_one_costs(workspace: Workspace, django_assert_num_queries: object) -> None:
    schedules = [a_schedule(workspace, "ana", "bo") for _ in range(5)]
    with django_assert_num_queries(4):  # type: ignore[operator]
        found = oncall.holders([schedule.pk for schedule in schedules], NOW)
    assert len(found) == 5
    assert names(schedules) == ["bo0", "bo1", "bo2", "bo3", "bo4"]


def test_whoever_left_holds_nothing(workspace: Workspace) -> None:
    schedule = a_schedule(workspace, "ana", "bo", fallback=make_user("dee", workspace))
    bo = LayerMember.objects.get(position=1).user
    cy = make_user("cy", workspace)
    Override.objects.create(
        schedule=schedule, user=cy, starts_at=NOW, ends_at=NOW + timedelta(hours=1), created_by="", created_at=NOW
    )
    assert names([schedule]) == ["cy"]
    Membership.objects.filter(user=cy).delete()
    assert names([schedule]) == ["bo0"]
    bo.is_active = False
    bo.save()
    assert names([schedule]) == ["dee"]
    Membership.objects.filter(user=schedule.fallback).delete()
    assert names([schedule]) == [None]


def test_the_end_of_a_shift_knows_the_overrides_to_come(workspace: Workspace) -> None:
    schedule = a_schedule(workspace, "ana", "bo")
    begins = NOW + timedelta(hours=3)
    Override.objects.create(
        schedule=schedule,
        user=make_user("cy", workspace),
        starts_at=begins,
        ends_at=begins + timedelta(hours=1),
        created_by="",
        created_at=NOW,
    )
    assert oncall.holders([schedule.pk], NOW)[schedule.pk].end == begins
