"""People are added, taken out, put in another order or deleted: the shift in progress and the past stay as they are."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.access.actors import SYSTEM
from aiops.access.models import Membership, User, Workspace
from notifications.choices import RotationUnit
from notifications.models import Layer, Schedule
from notifications.oncall import Shift, final_schedule, on_call
from notifications.oncall.selectors.schedules import load
from notifications.oncall.services.schedules import ScheduleDraft, create_schedule, draft_of, update_schedule
from notifications.oncall.succession import following
from tests.factories import NOW, make_user, make_workspace
from tests.oncall.conftest import MakeSchedule, day_layer

DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)
ANA, BO, CY, DEE, EVE = range(1, 6)


@pytest.mark.parametrize(
    ("old", "place", "new", "first"),
    [
        ([ANA, BO, CY], 0, [ANA, BO, CY, DEE], BO),
        ([ANA, BO, CY], 2, [ANA, BO, CY, DEE], DEE),
        ([ANA, BO, CY], 0, [DEE, ANA, BO, CY], BO),
        ([ANA, BO, CY], 0, [ANA, DEE, BO, CY], DEE),
        ([ANA, BO, CY], 0, [BO, CY], BO),
        ([ANA, BO, CY], 1, [ANA, CY], CY),
        ([ANA, BO, CY], 2, [ANA, BO], ANA),
        ([ANA, BO, CY], 0, [CY, BO, ANA], CY),
        ([ANA, BO, CY], 0, [ANA], ANA),
        ([ANA, BO, CY], 0, [DEE, EVE], DEE),
        ([ANA, BO, CY], 1, [DEE, CY, EVE], CY),
        ([ANA, BO, ANA, CY], 2, [ANA, BO, ANA, CY, DEE], CY),
        ([ANA, BO, ANA, CY], 0, [ANA, BO, ANA, CY, DEE], BO),
        ([ANA, BO, ANA, CY], 2, [ANA, BO, CY], BO),
        ([ANA], 0, [ANA, BO], BO),
        ([None, BO], 1, [BO, CY], CY),
    ],
)
def test_who_comes_next_in_the_new_order(old: list[int], place: int, new: list[int], first: int) -> None:
    assert new[following(old, place, new)] == first


def people_of(schedule: Schedule, start: datetime, end: datetime) -> list[tuple[int, datetime, datetime]]:
    """Who has it, with neighbours of the same person joined."""
    found: list[tuple[int, datetime, datetime]] = []
    for shift in final_schedule(load([schedule.pk], start, end)[schedule.pk], start, end):
        if found and found[-1][0] == shift.user_id and found[-1][2] == shift.start:
            found[-1] = (shift.user_id, found[-1][1], shift.end)
        else:
            found.append((shift.user_id, shift.start, shift.end))
    return found


def shift_at(schedule: Schedule, at: datetime) -> Shift | None:
    return on_call(load([schedule.pk], at, at + DAY)[schedule.pk], at)


def change(schedule: Schedule, now: datetime, *people: User, **fields: object) -> None:
    draft = draft_of(schedule)
    layer = replace(draft.layers[0], **({"members": [user.pk for user in people]} if people else {}) | fields)  # type: ignore[arg-type]
    update_schedule(actor=SYSTEM, schedule_id=schedule.pk, draft=replace(draft, layers=[layer]), now=now)


def names(schedule: Schedule, first: datetime, count: int, step: timedelta = WEEK) -> list[str]:
    found = []
    for n in range(count):
        shift = shift_at(schedule, first + n * step)
        found.append(User.objects.get(pk=shift.user_id).username if shift else "–")
    return found


@pytest.fixture
def weekly(make: MakeSchedule, ana: User, bo: User, cy: User) -> Schedule:
    """Ana, Bo and Cy a week each, Mondays 09:00 UTC; Ana has the week of NOW, her second."""
    monday = (NOW - DAY * 3).replace(hour=9, minute=0)
    return make(layers=[day_layer(ana, bo, cy, unit=RotationUnit.WEEK, starts_at=monday - 3 * WEEK)])


@pytest.mark.django_db
def test_somebody_added_at_the_end_moves_nobody(
    weekly: Schedule, ana: User, bo: User, cy: User, workspace: Workspace
) -> None:
    dee = make_user("dee", workspace)
    before = people_of(weekly, NOW - 3 * WEEK, NOW + DAY)
    change(weekly, NOW, ana, bo, cy, dee)
    assert names(weekly, NOW, 6) == ["ana", "bo", "cy", "dee", "ana", "bo"]
    assert people_of(weekly, NOW - 3 * WEEK, NOW + DAY) == before
    assert [member.user for member in draft_layer(weekly).members.all()] == [ana, bo, cy, dee]  # as it was typed


def draft_layer(schedule: Schedule) -> Layer:
    return Layer.objects.get(schedule=schedule, retired_at=None)


@pytest.mark.django_db
def test_who_is_taken_out_keeps_the_shift_in_progress(weekly: Schedule, bo: User, cy: User) -> None:
    change(weekly, NOW, cy, bo)
    assert names(weekly, NOW, 4) == ["ana", "bo", "cy", "bo"]


@pytest.mark.django_db
def test_a_second_thought_before_the_hand_over_counts_from_the_shift_in_progress(
    weekly: Schedule, ana: User, bo: User, cy: User
) -> None:
    change(weekly, NOW, cy, bo)
    change(weekly, NOW + timedelta(hours=1), ana, cy, bo)
    assert names(weekly, NOW, 4) == ["ana", "cy", "bo", "ana"]
    change(weekly, NOW + timedelta(hours=2), ana, bo, cy)
    assert names(weekly, NOW, 4) == ["ana", "bo", "cy", "ana"]
    update_schedule(
        actor=SYSTEM, schedule_id=weekly.pk, draft=replace(draft_of(weekly), layers=[]), now=NOW + timedelta(hours=3)
    )
    assert names(weekly, NOW + timedelta(hours=4), 3) == ["–", "–", "–"]  # a layer that is taken away ends now


@pytest.mark.django_db
def test_one_person_alone_hands_over_when_another_one_joins(make: MakeSchedule, ana: User, bo: User) -> None:
    schedule = make(ana)
    change(schedule, NOW, ana, bo)
    assert names(schedule, NOW, 4, DAY) == ["ana", "bo", "ana", "bo"]


@pytest.mark.django_db
def test_who_is_deleted_leaves_a_gap_and_moves_nobody(weekly: Schedule, bo: User, cy: User) -> None:
    before = [one for one in people_of(weekly, NOW - 3 * WEEK, NOW + 9 * WEEK) if one[0] != bo.pk]
    bo.delete()
    assert people_of(weekly, NOW - 3 * WEEK, NOW + 9 * WEEK) == before
    change(weekly, NOW + WEEK, cy)  # nobody has it: whoever is next has it at once
    assert names(weekly, NOW + WEEK, 3) == ["cy", "cy", "cy"]


@pytest.mark.django_db
def test_who_leaves_while_on_call_is_replaced_at_once(weekly: Schedule, ana: User, bo: User, cy: User) -> None:
    Membership.objects.filter(user=ana).delete()
    assert names(weekly, NOW, 2) == ["–", "bo"]
    change(weekly, NOW, bo, cy)
    assert names(weekly, NOW, 4) == ["bo", "cy", "bo", "cy"]


@pytest.mark.django_db
def test_a_new_rhythm_holds_at_once_and_whoever_is_in_turn_stays(
    weekly: Schedule, ana: User, bo: User, cy: User
) -> None:
    change(weekly, NOW + WEEK, unit=RotationUnit.DAY)
    assert names(weekly, NOW + WEEK, 4, DAY) == ["bo", "cy", "ana", "bo"]
    change(weekly, NOW + WEEK, starts_at=draft_layer(weekly).starts_at + timedelta(hours=1))
    assert names(weekly, NOW + WEEK, 4, DAY) == ["bo", "cy", "ana", "bo"]
    change(weekly, NOW + WEEK, starts_at=NOW + WEEK - timedelta(hours=1))  # a new first turn says whose turn it is
    assert names(weekly, NOW + WEEK, 3, DAY) == ["ana", "bo", "cy"]


@pytest.mark.django_db
def test_what_is_changed_beside_the_turns_moves_nobody(weekly: Schedule, ana: User, bo: User, cy: User) -> None:
    dee = make_user("dee", Workspace.objects.get(pk=weekly.workspace_id))
    change(weekly, NOW, dee, ana, bo, cy)
    change(weekly, NOW + 2 * WEEK, restrictions=[{"days": [], "from": "08:00", "to": "20:00"}])
    assert names(weekly, NOW, 6) == ["ana", "bo", "cy", "dee", "ana", "bo"]


edits = st.lists(
    st.tuples(st.integers(1, 20 * 24 * 60), st.lists(st.integers(0, 4), min_size=1, max_size=6)), min_size=1, max_size=4
)


@pytest.mark.django_db
@settings(max_examples=40)
@given(
    st.sampled_from([(1, RotationUnit.DAY), (3, RotationUnit.DAY), (1, RotationUnit.WEEK), (7, RotationUnit.HOUR)]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    st.lists(st.integers(0, 4), min_size=1, max_size=5),
    edits,
)
def test_whatever_people_are_changed_to_the_shift_in_progress_and_the_past_stay(
    rhythm: tuple[int, RotationUnit], zone: str, first: list[int], changes: list[tuple[int, list[int]]]
) -> None:
    workspace = make_workspace()
    people = [make_user(workspace=workspace) for _ in range(5)]
    begins = NOW - timedelta(days=60)
    layer = day_layer(*[people[n] for n in first], length=rhythm[0], unit=rhythm[1], starts_at=begins, time_zone=zone)
    draft = ScheduleDraft(name="Primary", layers=[layer])
    schedule = create_schedule(actor=SYSTEM, workspace_id=workspace.pk, draft=draft, now=begins)
    at = NOW
    for minutes, wanted in changes:
        at += timedelta(minutes=minutes)
        held = shift_at(schedule, at)
        assert held is not None
        ends = min(held.end, at + timedelta(days=8))
        alone = len({member.user_id for member in draft_layer(schedule).members.all()}) == 1
        before = people_of(schedule, begins, at if alone else ends)
        change(schedule, at, *[people[n] for n in wanted])
        assert people_of(schedule, begins, at if alone else ends) == before
        following = shift_at(schedule, at)
        assert following is not None and following.user_id == held.user_id
        ahead = people_of(schedule, at, at + timedelta(days=60))
        assert all(a[2] == b[1] for a, b in itertools.pairwise(ahead)) and ahead[-1][2] == at + timedelta(days=60)
        assert {one[0] for one in ahead[1:]} <= {people[n].pk for n in wanted}
