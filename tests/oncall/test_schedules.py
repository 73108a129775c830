"""Schedules and overrides: who may, what is refused, and that what was stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from aiops.access.actors import SYSTEM, Role
from aiops.access.models import Membership, Team, User, Workspace
from aiops.access.people import actor_for_user
from aiops.kernel.errors import Conflict, InvalidInput, NotFound, NotPermitted
from notifications import oncall
from notifications.models import EscalationPolicy, Layer, Override, PolicyVersion, Schedule
from notifications.oncall.selectors.schedules import holders, load
from notifications.oncall.services.overrides import create_override, end_override
from notifications.oncall.services.schedules import (
    ScheduleDraft,
    create_schedule,
    delete_schedule,
    draft_of,
    update_schedule,
)
from tests.factories import NOW, make_user, make_workspace
from tests.oncall.conftest import MakeSchedule, day_layer

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def holder(schedule: Schedule, at: datetime) -> str | None:
    shift = holders([schedule.pk], at)[schedule.pk]
    return User.objects.get(pk=shift.user_id).username if shift else None


def update(schedule: Schedule, now: datetime = NOW, **changes: Any) -> None:
    draft = replace(draft_of(schedule), **changes)
    update_schedule(actor=SYSTEM, schedule_id=schedule.pk, draft=draft, now=now)


# --- making and changing ---------------------------------------------------------------------------------------------


def test_a_schedule_has_its_layers_and_a_feed_of_its_own(make: MakeSchedule, ana: User, bo: User) -> None:
    schedule = make(ana, bo, time_zone="Europe/Berlin")
    assert len(schedule.feed_key) == 32
    assert [holder(schedule, NOW + DAY * n) for n in range(3)] == ["ana", "bo", "ana"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"time_zone": "Berlin"}, "time_zone"),
        ({"team_id": 999_999}, "team"),
        ({"fallback_id": 999_999}, "fallback"),
        ({"layers": [{"members": []}]}, "layers[0].members"),
        ({"layers": [{"members": [999_999]}]}, "layers[0].members"),
        ({"layers": [{"length": 0}]}, "layers[0].length"),
        ({"layers": [{"time_zone": "Mars/Olympus"}]}, "layers[0].time_zone"),
        ({"layers": [{"ends_at": NOW - DAY * 9}]}, "layers[0].ends_at"),
        (
            {"layers": [{"restrictions": [{"days": [7], "from": "09:00", "to": "17:00"}]}]},
            "layers[0].restrictions[0].days[0]",
        ),
        ({"layers": [{"restrictions": [{"from": "9", "to": "17:00"}]}]}, "layers[0].restrictions[0].from"),
        ({"layers": [{"id": 999_999}]}, "layers[0].id"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    make: MakeSchedule, ana: User, changes: dict[str, Any], field: str
) -> None:
    schedule = make(ana)
    if layers := changes.get("layers"):
        changes = {"layers": [replace(day_layer(ana), **layer) for layer in layers]}
    with pytest.raises(InvalidInput) as refusal:
        update(schedule, **changes)
    assert refusal.value.field == field
    assert holder(schedule, NOW) == "ana"


def test_names_are_unique_and_strangers_are_no_members(make: MakeSchedule, ana: User) -> None:
    make(ana)
    with pytest.raises(InvalidInput, match="a schedule named 'Primary'"):
        make(ana)
    stranger = make_user("stranger", make_workspace())
    with pytest.raises(InvalidInput, match="stranger is no member"):
        make(stranger, name="Other")
    team = Team.objects.create(workspace=make_workspace(), name="theirs")
    with pytest.raises(InvalidInput, match="same workspace"):
        make(ana, name="Other", team_id=team.pk)


def test_only_admins_of_the_workspace_change_schedules(
    make: MakeSchedule, workspace: Workspace, ana: User, admin: User
) -> None:
    schedule = make(ana)
    draft = draft_of(schedule)
    with pytest.raises(NotPermitted):
        update_schedule(actor=actor_for_user(ana), schedule_id=schedule.pk, draft=draft, now=NOW)
    with pytest.raises(NotPermitted):
        create_schedule(actor=actor_for_user(ana), workspace_id=workspace.pk, draft=ScheduleDraft(name="x"), now=NOW)
    other = make_user("other", make_workspace(), Role.ADMIN)
    with pytest.raises(NotFound):
        update_schedule(actor=actor_for_user(other), schedule_id=schedule.pk, draft=draft, now=NOW)
    update_schedule(actor=actor_for_user(admin), schedule_id=schedule.pk, draft=replace(draft, name="New"), now=NOW)
    assert Schedule.objects.get().name == "New"


def test_who_was_on_call_stays_true_when_a_rotation_is_changed(
    make: MakeSchedule, ana: User, bo: User, cy: User
) -> None:
    schedule = make(ana, bo, time_zone="UTC")
    past = NOW - DAY * 3
    assert holder(schedule, past) is None  # the first turn was not yet
    later = NOW + DAY * 10
    before = [holder(schedule, NOW + DAY * n) for n in range(10)]
    update(schedule, now=later, layers=[replace(draft_of(schedule).layers[0], members=[cy.pk])], time_zone="Asia/Tokyo")
    assert [holder(schedule, NOW + DAY * n) for n in range(10)] == before
    assert {holder(schedule, later + DAY * n) for n in range(5)} == {"cy"}
    shifts = oncall.final_schedule(load([schedule.pk], NOW, later + DAY)[schedule.pk], later - HOUR, later + HOUR)
    assert [(shift.start, shift.end) for shift in shifts] == [(later - HOUR, later), (later, later + HOUR)]


def test_a_layer_that_stays_the_same_is_not_made_anew(make: MakeSchedule, ana: User, bo: User) -> None:
    schedule = make(ana, bo)
    (row,) = Layer.objects.values_list("pk", flat=True)
    update(schedule, description="Renamed", layers=[replace(draft_of(schedule).layers[0], name="Base")])
    assert list(Layer.objects.values_list("pk", "name")) == [(row, "Base")]
    update(schedule, layers=[draft_of(schedule).layers[0], day_layer(bo, starts_at=NOW + DAY * 50)])
    assert Layer.objects.count() == 2
    update(schedule, layers=[draft_of(schedule).layers[0]])  # it never was on: it leaves nothing behind
    assert list(Layer.objects.values_list("pk", flat=True)) == [row]


def test_a_new_schedule_claims_nothing_of_the_time_before_it(make: MakeSchedule, ana: User) -> None:
    schedule = make(layers=[day_layer(ana, starts_at=NOW - DAY * 300)])
    assert holder(schedule, NOW - DAY * 31) is None
    assert holder(schedule, NOW - DAY * 29) == "ana"


def test_a_schedule_that_is_paged_is_not_deleted(make: MakeSchedule, workspace: Workspace, ana: User) -> None:
    schedule = make(ana)
    policy = EscalationPolicy.objects.create(workspace=workspace, name="Payments")
    steps = [{"targets": [{"kind": "user", "id": ana.pk}, {"kind": "schedule", "id": schedule.pk}]}]
    definition = {"steps": steps}
    policy.version = PolicyVersion.objects.create(
        policy=policy, number=1, definition=definition, created_at=NOW, created_by="x"
    )
    policy.save()
    with pytest.raises(Conflict, match="paged by Payments"):
        delete_schedule(actor=SYSTEM, schedule_id=schedule.pk)
    policy.version.definition = {"steps": []}
    policy.version.save()
    delete_schedule(actor=SYSTEM, schedule_id=schedule.pk)
    assert not Schedule.objects.exists()


# --- overrides -------------------------------------------------------------------------------------------------------


def override(
    schedule: Schedule, actor: User, user: User, start: datetime, end: datetime, now: datetime = NOW
) -> Override:
    return create_override(
        actor=actor_for_user(actor), schedule_id=schedule.pk, user_id=user.pk, starts_at=start, ends_at=end, now=now
    )


def test_an_operator_makes_anybody_have_it(make: MakeSchedule, ana: User, bo: User, cy: User) -> None:
    schedule = make(ana, bo)
    override(schedule, bo, cy, NOW + HOUR, NOW + HOUR * 3)
    assert [holder(schedule, NOW + HOUR * n) for n in range(4)] == ["ana", "cy", "cy", "ana"]


def test_a_viewer_gives_away_own_shifts_and_nobody_elses(make: MakeSchedule, ana: User, cy: User) -> None:
    schedule = make(cy, ana)
    override(schedule, cy, ana, NOW + HOUR, NOW + HOUR * 2)
    assert holder(schedule, NOW + HOUR) == "ana"
    with pytest.raises(NotPermitted):  # a part of it is no longer cy's
        override(schedule, cy, ana, NOW, NOW + HOUR * 3)
    with pytest.raises(NotPermitted):
        override(schedule, cy, cy, NOW + DAY, NOW + DAY + HOUR)


def test_nothing_that_was_is_changed(make: MakeSchedule, ana: User, bo: User, cy: User) -> None:
    schedule = make(ana, bo)
    made = override(schedule, ana, cy, NOW - DAY, NOW + HOUR)
    assert made.starts_at == NOW
    with pytest.raises(InvalidInput):
        override(schedule, ana, cy, NOW - DAY, NOW - HOUR)
    end_override(actor=SYSTEM, override_id=made.pk, now=NOW + HOUR / 2)
    assert [holder(schedule, NOW + HOUR / 4 * n) for n in (1, 2, 3)] == ["cy", "ana", "ana"]
    with pytest.raises(Conflict):
        end_override(actor=SYSTEM, override_id=made.pk, now=NOW + HOUR)
    to_come = override(schedule, ana, cy, NOW + HOUR * 2, NOW + HOUR * 3)
    with pytest.raises(NotPermitted):
        end_override(actor=actor_for_user(cy), override_id=to_come.pk, now=NOW)
    end_override(actor=actor_for_user(bo), override_id=to_come.pk, now=NOW)
    assert not Override.objects.filter(pk=to_come.pk).exists()


def test_refused_overrides(make: MakeSchedule, ana: User) -> None:
    schedule = make(ana)
    stranger = make_user("stranger", make_workspace())
    with pytest.raises(InvalidInput, match="member"):
        override(schedule, ana, stranger, NOW, NOW + HOUR)
    with pytest.raises(NotFound):
        override(schedule, stranger, stranger, NOW, NOW + HOUR)
    with pytest.raises(InvalidInput, match="year"):
        override(schedule, ana, ana, NOW, NOW + DAY * 400)
    Membership.objects.all().delete()
    assert holders([schedule.pk], NOW) == {schedule.pk: None}


def test_year_ends_in_the_database_too(make: MakeSchedule, ana: User, bo: User) -> None:
    end = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    schedule = make(layers=[day_layer(ana, bo, starts_at=end - DAY * 4, time_zone="Asia/Kathmandu")])
    assert [holder(schedule, end + DAY * n) for n in range(-1, 3)] == ["bo", "ana", "bo", "ana"]
