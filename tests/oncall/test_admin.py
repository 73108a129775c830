"""The administration of on-call: through the services, within one's workspaces."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from aiops.access.actors import Role
from aiops.access.models import User, Workspace
from aiops.access.people import actor_for_user
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import InvalidInput
from notifications.models import Layer, Override, Schedule, ShiftSwap, TimeOff
from notifications.oncall.selectors.schedules import holders
from notifications.oncall.services.schedules import ScheduleDraft, create_schedule
from tests.factories import make_user, make_workspace
from tests.oncall.conftest import MakeSchedule, day_layer

pytestmark = pytest.mark.django_db
ADMIN = "/admin/notifications"


@pytest.fixture
def desk(admin: User, browser: Callable[[User], Client]) -> Client:
    admin.is_staff = True
    admin.save()
    return browser(admin)


def said(answer: object) -> str:
    return " ".join(str(message) for message in answer.context["messages"])  # type: ignore[attr-defined]


def test_schedules_and_layers_are_made_changed_and_ended(
    desk: Client, workspace: Workspace, ana: User, bo: User
) -> None:
    fields = {"workspace": workspace.pk, "name": "Edge", "time_zone": "UTC", "alert_on_gaps": "on"}
    assert desk.post(f"{ADMIN}/schedule/add/", fields).status_code == 302
    schedule = Schedule.objects.get()
    assert schedule.feed_key
    layer = {
        "schedule": schedule.pk,
        "length": 1,
        "unit": "day",
        "starts_at_0": "2026-01-05",
        "starts_at_1": "09:00",
        "ends_at_0": "",
        "ends_at_1": "",
        "restrictions": "[]",
        "members_in_turn": "ana",
    }
    assert desk.post(f"{ADMIN}/layer/add/", layer).status_code == 302
    assert holders([schedule.pk], utcnow())[schedule.pk].user_id == ana.pk
    row = Layer.objects.get()
    answer = desk.post(f"{ADMIN}/layer/{row.pk}/change/", {**layer, "members_in_turn": "bo, nobody"})
    assert "nobody called" in answer.content.decode()
    assert desk.post(f"{ADMIN}/layer/{row.pk}/change/", {**layer, "members_in_turn": "bo"}).status_code == 302
    assert holders([schedule.pk], utcnow())[schedule.pk].user_id == ana.pk  # to the end of the shift in progress
    assert holders([schedule.pk], utcnow() + timedelta(days=1))[schedule.pk].user_id == bo.pk
    row.refresh_from_db()
    assert row.retired_at is not None
    assert desk.get(f"{ADMIN}/layer/{row.pk}/change/").status_code == 200
    bad = {**layer, "restrictions": '[{"from": "9"}]', "members_in_turn": "bo"}
    again = desk.post(f"{ADMIN}/layer/add/", bad, follow=True)
    assert "restrictions[0].from" in said(again)
    current = Layer.objects.get(retired_at=None)
    desk.post(f"{ADMIN}/layer/{current.pk}/delete/", {"post": "yes"})
    assert not Layer.objects.filter(retired_at=None).exists()
    desk.post(f"{ADMIN}/schedule/{schedule.pk}/change/", {**fields, "name": "Edge 2"})
    assert Schedule.objects.get().name == "Edge 2"
    desk.post(f"{ADMIN}/schedule/{schedule.pk}/delete/", {"post": "yes"})
    assert not Schedule.objects.exists()


def test_overrides_are_made_and_ended_swaps_taken_back_time_off_seen(
    desk: Client, make: MakeSchedule, ana: User, bo: User
) -> None:
    now = utcnow()
    schedule = make(layers=[day_layer(ana, starts_at=now)])
    at = now + timedelta(days=2)
    fields = {"schedule": schedule.pk, "user": bo.pk, "starts_at_0": at.date(), "starts_at_1": "10:00"}
    fields |= {"ends_at_0": at.date(), "ends_at_1": "12:00", "reason": "x"}
    desk.post(f"{ADMIN}/override/add/", fields)
    override = Override.objects.get()
    assert desk.get(f"{ADMIN}/override/{override.pk}/change/").status_code == 200
    desk.post(f"{ADMIN}/override/{override.pk}/delete/", {"post": "yes"})
    assert not Override.objects.exists()
    far = {**fields, "ends_at_0": at.date() + timedelta(days=400)}
    assert "At most a year" in said(desk.post(f"{ADMIN}/override/add/", far, follow=True))
    swap = ShiftSwap.objects.create(
        schedule=schedule, requester=ana, starts_at=at, ends_at=at + timedelta(hours=1), created_at=now
    )
    chosen = {"action": "cancel", "_selected_action": [swap.pk]}
    desk.post(f"{ADMIN}/shiftswap/", chosen)
    swap.refresh_from_db()
    assert swap.state == "cancelled"
    assert "already" in said(desk.post(f"{ADMIN}/shiftswap/", chosen, follow=True))
    TimeOff.objects.create(user=ana, starts_at=at, ends_at=at + timedelta(days=1), reason="Seaside")
    assert "Seaside" in desk.get(f"{ADMIN}/timeoff/").content.decode()


def test_others_see_nothing_of_it(make: MakeSchedule, ana: User, browser: Callable[[User], Client]) -> None:
    schedule = make(ana)
    TimeOff.objects.create(user=ana, starts_at=utcnow(), ends_at=utcnow() + timedelta(days=1), reason="Seaside")
    stranger = make_user("stranger", make_workspace(), is_staff=True)
    theirs = browser(stranger)
    for path in ("schedule", "layer", "override", "timeoff", "shiftswap"):
        page = theirs.get(f"{ADMIN}/{path}/")
        assert page.status_code == 200 and "Seaside" not in page.content.decode()
        assert "Primary" not in page.content.decode()
    assert theirs.get(f"{ADMIN}/schedule/{schedule.pk}/change/").status_code == 302
    ana.is_staff = True
    ana.save()
    assert browser(ana).post(f"{ADMIN}/schedule/{schedule.pk}/change/", {"name": "x"}).status_code == 403


def test_names_of_people_stay_within_their_workspaces(
    make: MakeSchedule, workspace: Workspace, ana: User, browser: Callable[[User], Client]
) -> None:
    schedule = make(ana)
    make_user("zebra", make_workspace())
    boss = make_user("boss", workspace, Role.ADMIN, is_staff=True)
    theirs = browser(boss)
    for path in ("schedule/add", "override/add", f"schedule/{schedule.pk}/change"):
        page = theirs.get(f"{ADMIN}/{path}/").content.decode()
        assert ">ana<" in page and "zebra" not in page, path
    layer = {"schedule": schedule.pk, "length": 1, "unit": "day", "starts_at_0": "2026-01-05", "starts_at_1": "09:00"}
    layer |= {"ends_at_0": "", "ends_at_1": "", "restrictions": "[]"}
    answers = {
        name: theirs.post(f"{ADMIN}/layer/add/", {**layer, "members_in_turn": name}).content.decode()
        for name in ("zebra", "yebra")
    }
    assert all(f"There is nobody called &#x27;{name}&#x27; in the schedule" in page for name, page in answers.items())
    with pytest.raises(InvalidInput) as refusal:
        stranger = User.objects.get(username="zebra")
        draft = ScheduleDraft(name="x", layers=[day_layer(stranger)])
        create_schedule(actor=actor_for_user(boss), workspace_id=workspace.pk, draft=draft, now=utcnow())
    assert refusal.value.message == "layers[0].members: somebody is no member of this workspace"


def test_time_off_and_swaps_can_be_looked_at(
    make: MakeSchedule, ana: User, workspace: Workspace, browser: Callable[[User], Client]
) -> None:
    schedule, now = make(ana), utcnow()
    off = TimeOff.objects.create(user=ana, starts_at=now, ends_at=now + timedelta(days=1), reason="Seaside")
    swap = ShiftSwap.objects.create(
        schedule=schedule, requester=ana, starts_at=now, ends_at=now + timedelta(hours=1), created_at=now
    )
    theirs = browser(make_user("looker", workspace, Role.VIEWER, is_staff=True))
    for path, words in ((f"timeoff/{off.pk}", "Seaside"), (f"shiftswap/{swap.pk}", "Primary")):
        page = theirs.get(f"{ADMIN}/{path}/change/")
        assert page.status_code == 200 and words in page.content.decode()
