"""People leave, are deactivated or deleted: who *was* on call stays true, also by name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from aiops.access.actors import SYSTEM, Role
from aiops.access.models import Membership, User, Workspace
from aiops.kernel import clock
from aiops.kernel.clock import utcnow
from notifications import oncall
from notifications.models import Departure, Schedule
from notifications.oncall.selectors import fairness
from notifications.oncall.selectors.names import named
from notifications.oncall.selectors.schedules import holders, load
from notifications.oncall.services import calendars, coverage, departures
from notifications.oncall.services.overrides import create_override
from notifications.oncall.services.schedules import ScheduleDraft, create_schedule, draft_of, update_schedule
from tests.factories import make_user, make_workspace
from tests.oncall.conftest import day_layer

DAY = timedelta(days=1)
WAYS = ("leave", "deactivate", "delete")

Held = list[tuple[str, datetime, datetime]]


def go(user: User, how: str) -> None:
    """Somebody is no more in the workspace."""
    if how == "leave":
        Membership.objects.filter(user=user).delete()
    elif how == "deactivate":
        user.is_active = False
        user.save()
    else:
        User.objects.filter(pk=user.pk).delete()


def told(schedule: Schedule, start: datetime, end: datetime) -> Held:
    """Who has it when, by name; neighbours as one."""
    spec = load([schedule.pk], start, end, utcnow())[schedule.pk]
    shifts = oncall.final_schedule(spec, start, end)
    names = {pk: user.display_name for pk, user in named(shift.user_id for shift in shifts).items()}
    found: Held = []
    for shift in shifts:
        name = names[shift.user_id]
        if found and found[-1][0] == name and found[-1][2] == shift.start:
            found[-1] = (name, found[-1][1], shift.end)
        else:
            found.append((name, shift.start, shift.end))
    return found


@pytest.fixture
def began() -> Iterator[datetime]:
    """Nine o'clock, ten days ago. The clock is put right afterwards."""
    now = utcnow()
    yield now.replace(hour=9, minute=0, second=0, microsecond=0) - 10 * DAY
    clock.follow(now)


def make_at(workspace: Workspace, at: datetime, *people: User, **fields: Any) -> Schedule:
    draft = ScheduleDraft(name="Primary", layers=[day_layer(*people, starts_at=at)] if people else [], **fields)
    return create_schedule(actor=SYSTEM, workspace_id=workspace.pk, draft=draft, now=at)


@pytest.mark.django_db
@pytest.mark.parametrize("how", WAYS)
def test_what_somebody_had_before_they_went_stays_theirs(
    how: str, workspace: Workspace, ana: User, bo: User, cy: User, admin: User, began: datetime, client: Client
) -> None:
    schedule = make_at(workspace, began, ana, bo, fallback_id=admin.pk)
    create_override(
        actor=SYSTEM,
        schedule_id=schedule.pk,
        user_id=cy.pk,
        starts_at=began + 2 * DAY,
        ends_at=began + 4 * DAY,
        now=began,
    )
    before = told(schedule, began, began + 6 * DAY)
    assert [name for name, _, _ in before] == ["Ana", "Bo", "Cy", "Ana", "Bo"]
    report = {user.pk: (user.display_name, load) for user, load in fairness.report([schedule], began, began + 5 * DAY)}
    clock.follow(began + 5 * DAY + timedelta(hours=6))  # Bo has it
    for user in (bo, cy, ana):
        go(user, how)
    left = utcnow()
    assert told(schedule, began, began + 5 * DAY) == before[:-1]
    last = told(schedule, began + 5 * DAY, began + 7 * DAY)
    assert [name for name, _, _ in last] == ["Bo", "admin"]
    assert timedelta() <= left - last[0][2] < timedelta(minutes=5)
    assert {
        user.pk: (user.display_name, load) for user, load in fairness.report([schedule], began, began + 5 * DAY)
    } == report
    assert holders([schedule.pk], left)[schedule.pk].user_id == admin.pk  # type: ignore[union-attr]
    _, feed = calendars.feed(key=schedule.feed_key, now=left)
    assert all(f"SUMMARY:{name} on call" in feed.decode() for name in ("Ana", "Bo", "Cy"))
    client.force_login(admin)
    page = client.get(f"/console/oncall/{schedule.pk}?weeks=4&from={(began - DAY).date()}").content.decode()
    assert page.count("Cy") and page.count("Bo")
    assert client.get(f"/console/oncall/{schedule.pk}/edit").status_code == 200


@pytest.mark.django_db
def test_who_comes_back_has_what_lies_ahead_and_not_what_was_missed(
    workspace: Workspace, ana: User, began: datetime
) -> None:
    schedule = make_at(workspace, began, ana)
    clock.follow(began + DAY)
    go(ana, "leave")
    clock.follow(began + 3 * DAY)
    Membership.objects.create(user=ana, workspace=workspace, role=Role.OPERATOR.value)
    clock.follow(began + 5 * DAY)
    first, second = told(schedule, began, began + 6 * DAY)
    assert first[1] == began and abs(first[2] - began - DAY) < timedelta(minutes=5)
    assert abs(second[1] - began - 3 * DAY) < timedelta(minutes=5) and second[2] == began + 6 * DAY


@pytest.mark.django_db
def test_what_went_past_the_models_is_found_within_five_minutes(
    workspace: Workspace, ana: User, began: datetime
) -> None:
    schedule = make_at(workspace, began, ana)
    User.objects.filter(pk=ana.pk).update(is_active=False)
    coverage.watch(began + DAY)
    clock.follow(began + 2 * DAY)
    assert told(schedule, began, began + 3 * DAY) == [("Ana", began, began + DAY)]


@pytest.mark.django_db
@pytest.mark.parametrize("how", [*WAYS, "replace"])
def test_the_fallback_people_of_before_stay(
    how: str, workspace: Workspace, ana: User, bo: User, began: datetime
) -> None:
    schedule = make_at(workspace, began, fallback_id=ana.pk)
    clock.follow(began + 2 * DAY)
    if how != "replace":
        go(ana, how)
    schedule.refresh_from_db()
    clock.follow(began + 3 * DAY)
    draft = ScheduleDraft(name="Primary", fallback_id=bo.pk)
    update_schedule(actor=SYSTEM, schedule_id=schedule.pk, draft=draft, now=utcnow())
    names = [(name, round((end - start) / DAY)) for name, start, end in told(schedule, began - DAY, began + 4 * DAY)]
    assert names == ([("Ana", 3), ("Bo", 1)] if how == "replace" else [("Ana", 2), ("Bo", 1)])
    spec = load([schedule.pk], began, began + 4 * DAY, utcnow())[schedule.pk]
    assert sum((gap.end - gap.start for gap in oncall.gaps(spec, began, began + 4 * DAY)), timedelta()) == 4 * DAY


@pytest.mark.django_db
def test_a_fallback_person_who_is_chosen_later_had_nothing_before(
    workspace: Workspace, ana: User, began: datetime
) -> None:
    schedule = make_at(workspace, began)
    update_schedule(
        actor=SYSTEM, schedule_id=schedule.pk, draft=ScheduleDraft(name="Primary", fallback_id=ana.pk), now=began + DAY
    )
    assert told(schedule, began, began + 2 * DAY) == [("Ana", began + DAY, began + 2 * DAY)]


@pytest.mark.django_db
def test_the_administration_deletes_somebody_and_forgets_the_name(
    workspace: Workspace, ana: User, bo: User, began: datetime, client: Client
) -> None:
    boss = make_user("boss", workspace, Role.ADMIN, is_superuser=True, is_staff=True)
    clock.follow(began + 3 * DAY)
    schedule = make_at(workspace, began, ana, bo)
    create_override(
        actor=SYSTEM, schedule_id=schedule.pk, user_id=ana.pk, starts_at=began, ends_at=began + 2 * DAY, now=began
    )
    client.force_login(boss)
    assert client.post(f"/admin/access/user/{ana.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not User.objects.filter(pk=ana.pk).exists()
    assert told(schedule, began, began + DAY) == [("Ana", began, began + DAY)]
    (row,) = Departure.objects.all()
    (override,) = schedule.overrides.all()  # type: ignore[attr-defined]
    for path in ("departure/", f"departure/{row.pk}/change/", "override/", f"override/{override.pk}/change/"):
        assert "Ana" in client.get(f"/admin/notifications/{path}").content.decode(), path
    client.post("/admin/notifications/departure/", {"action": "forget", "_selected_action": [row.pk]})
    assert told(schedule, began, began + DAY) == [("Somebody who was deleted", began, began + DAY)]
    assert draft_of(schedule).layers[0].members == [bo.pk]


class AnyOrder(TestCase):
    """Random people, random times."""

    @settings(max_examples=15)
    @given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(WAYS), st.integers(1, 30)), min_size=1, max_size=6))
    def test_whoever_goes_whenever_what_was_over_stays_as_it_was(self, moves: list[tuple[int, str, int]]) -> None:
        real = utcnow()
        began = now = real.replace(minute=0, second=0, microsecond=0) - 20 * DAY
        workspace = make_workspace()
        people = [make_user(f"p{n}", workspace) for n in range(4)]
        schedule = make_at(workspace, began, *people[:3], fallback_id=people[3].pk)
        try:
            for number, (who, how, hours) in enumerate(moves):
                now += timedelta(hours=hours)
                clock.follow(now)
                if number % 2 and User.objects.filter(pk=people[who].pk, is_active=True, memberships__isnull=False):
                    create_override(
                        actor=SYSTEM,
                        schedule_id=schedule.pk,
                        user_id=people[who].pk,
                        starts_at=now,
                        ends_at=now + DAY,
                        now=now,
                    )
                before = told(schedule, began, now)
                if User.objects.filter(pk=people[who].pk).exists():
                    go(people[who], how)
                assert told(schedule, began, now) == before
                departures.note(utcnow())
            clock.follow(began + 40 * DAY)
            assert told(schedule, began, now) == before
        finally:
            clock.follow(real)
