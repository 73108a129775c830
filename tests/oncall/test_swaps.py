"""Shifts that change hands: the first who accepts has it, also when two do at once. Time off warns and takes nothing."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from aiops.access.actors import SYSTEM, Role
from aiops.access.models import User, Workspace
from aiops.access.people import actor_for_user
from aiops.kernel.errors import Conflict, DomainError, InvalidInput, NotFound, NotPermitted
from incidents.catalogue.services.bootstrap import ensure_workspace_defaults
from notifications.choices import Purpose, SwapState
from notifications.models import Delivery, Override, Schedule, ShiftSwap, TimeOff
from notifications.oncall.selectors.schedules import conflicts, holders
from notifications.oncall.services.overrides import create_override
from notifications.oncall.services.schedules import ScheduleDraft, create_schedule
from notifications.oncall.services.swaps import accept_swap, ask_swap, cancel_swap, decline_swap, may_accept
from notifications.oncall.services.time_off import add_time_off, remove_time_off
from tests.factories import NOW, make_user, make_workspace
from tests.oncall.conftest import MakeSchedule, day_layer

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def ask(schedule: Schedule, user: User, candidate: User | None = None, start: timedelta = HOUR) -> ShiftSwap:
    return ask_swap(
        actor=actor_for_user(user),
        schedule_id=schedule.pk,
        starts_at=NOW + start,
        ends_at=NOW + start + HOUR * 2,
        candidate_id=candidate.pk if candidate else None,
        now=NOW,
    )


def accept(swap: ShiftSwap, user: User, after: timedelta = timedelta(0)) -> ShiftSwap:
    return accept_swap(actor=actor_for_user(user), swap_id=swap.pk, now=NOW + after)


def notices(to: User) -> list[str]:
    rows = Delivery.objects.filter(recipient=to, purpose=Purpose.OWNER_NOTICE).order_by("pk")
    return [row.data["subject"] for row in rows]


@pytest.mark.django_db
def test_whoever_accepts_gets_an_override_and_all_are_told(
    make: MakeSchedule, ana: User, bo: User, cy: User, settings
) -> None:
    settings.AIOPS_SMTP_URL = "smtp://127.0.0.1:25"
    schedule = make(ana, bo, cy)
    swap = ask(schedule, ana)
    assert notices(bo) == notices(cy) == ["Ana asks: can you take Primary?"]
    assert notices(ana) == []
    assert may_accept(swap, cy.pk, NOW) and not may_accept(swap, ana.pk, NOW)
    accept(swap, cy)  # a viewer in the schedule
    assert holders([schedule.pk], NOW + HOUR)[schedule.pk].user_id == cy.pk
    assert holders([schedule.pk], NOW + HOUR * 3)[schedule.pk].user_id == ana.pk
    assert notices(ana) == ["Cy takes Primary for you"]
    data = Delivery.objects.filter(recipient=ana).get().data
    assert data["url"].endswith(f"/console/oncall/swaps/{swap.pk}") and "15:30" in data["text"]
    with pytest.raises(Conflict, match="Cy was first"):
        accept(swap, bo)


@pytest.mark.django_db
def test_one_asks_for_ones_own_shifts_once_and_only_people_of_the_schedule(
    make: MakeSchedule, ana: User, bo: User, cy: User
) -> None:
    schedule = make(ana, bo)
    with pytest.raises(InvalidInput, match="not on call"):
        ask(schedule, bo)
    with pytest.raises(InvalidInput, match="somebody else of this schedule"):
        ask(schedule, ana, candidate=cy)
    swap = ask(schedule, ana, candidate=bo)
    with pytest.raises(Conflict, match="asked for some of that time"):
        ask(schedule, ana, start=HOUR * 2)
    with pytest.raises(NotPermitted):
        accept(swap, cy)
    with pytest.raises(NotPermitted):
        accept(swap, ana)
    with pytest.raises(NotFound):
        accept(swap, make_user("stranger", make_workspace()))
    with pytest.raises(InvalidInput, match="nobody else"):
        ask(make(ana, name="Alone"), ana)


@pytest.mark.django_db
def test_decline_and_cancel_leave_the_shift_where_it_was(make: MakeSchedule, ana: User, bo: User, cy: User) -> None:
    schedule = make(ana, bo, cy)
    swap = ask(schedule, ana, candidate=bo)
    with pytest.raises(NotPermitted):
        decline_swap(actor=actor_for_user(cy), swap_id=swap.pk, now=NOW)
    assert decline_swap(actor=actor_for_user(bo), swap_id=swap.pk, now=NOW).state == SwapState.DECLINED
    again = ask(schedule, ana)
    with pytest.raises(NotPermitted):
        cancel_swap(actor=actor_for_user(cy), swap_id=again.pk, now=NOW)
    cancel_swap(actor=actor_for_user(ana), swap_id=again.pk, now=NOW)
    with pytest.raises(Conflict, match="cancelled"):
        accept(again, bo)
    assert not Override.objects.exists()


@pytest.mark.django_db
def test_what_is_no_longer_theirs_cant_be_taken(make: MakeSchedule, ana: User, bo: User, cy: User) -> None:
    schedule = make(ana, bo, cy)
    swap = ask(schedule, ana)
    create_override(
        actor=SYSTEM,
        schedule_id=schedule.pk,
        user_id=cy.pk,
        starts_at=NOW + HOUR,
        ends_at=NOW + HOUR * 2,
        now=NOW,
    )
    with pytest.raises(Conflict, match="no longer theirs"):
        accept(swap, bo)
    with pytest.raises(Conflict, match="over"):
        accept(swap, bo, after=HOUR * 4)


@pytest.mark.django_db
def test_a_swap_taken_late_counts_from_then(make: MakeSchedule, ana: User, bo: User) -> None:
    schedule = make(ana, bo)
    swap = ask(schedule, ana)
    accept(swap, bo, after=HOUR * 2)
    assert holders([schedule.pk], NOW + HOUR * 1.5)[schedule.pk].user_id == ana.pk
    assert holders([schedule.pk], NOW + HOUR * 2)[schedule.pk].user_id == bo.pk


@pytest.mark.django_db(transaction=True)
def test_of_two_who_accept_at_once_one_is_first() -> None:
    workspace: Workspace = make_workspace()
    ensure_workspace_defaults(workspace)
    ana, bo, cy = (make_user(name, workspace, Role.OPERATOR) for name in ("ana", "bo", "cy"))
    draft = ScheduleDraft(name="Primary", layers=[day_layer(ana, bo, cy)])
    swap = ask(create_schedule(actor=SYSTEM, workspace_id=workspace.pk, draft=draft, now=NOW - DAY), ana)
    together, outcomes = threading.Barrier(2), []

    def take(user: User) -> None:
        together.wait()
        try:
            outcomes.append(accept(swap, user).taken_by_id)
        except DomainError as refusal:
            outcomes.append(refusal.message)
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=[user]) for user in (bo, cy)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [outcome for outcome in outcomes if isinstance(outcome, int)]
    (loser,) = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert loser == f"{User.objects.get(pk=winner).display_name} was first"
    assert Override.objects.get().user_id == winner


@pytest.mark.django_db
def test_time_off_warns_and_takes_no_page(make: MakeSchedule, ana: User, bo: User) -> None:
    schedule = make(ana, bo)
    row, clashes = add_time_off(
        actor=actor_for_user(ana), starts_at=NOW + HOUR, ends_at=NOW + DAY * 3, reason="Sea", now=NOW
    )
    assert [(one.start, one.end) for one in clashes] == [
        (NOW + HOUR, NOW.replace(hour=9, minute=0) + DAY),
        (NOW.replace(hour=9, minute=0) + DAY * 2, NOW + DAY * 3 - HOUR * 5.5),
    ]
    assert holders([schedule.pk], NOW + HOUR * 2)[schedule.pk].user_id == ana.pk
    assert {one.user_id for one in conflicts([schedule.pk], NOW, NOW + DAY * 14)} == {ana.pk}
    with pytest.raises(NotFound):
        remove_time_off(actor=actor_for_user(bo), time_off_id=row.pk)
    remove_time_off(actor=actor_for_user(ana), time_off_id=row.pk)
    assert not TimeOff.objects.exists()
    with pytest.raises(InvalidInput):
        add_time_off(actor=actor_for_user(ana), starts_at=NOW - DAY * 2, ends_at=NOW - DAY, now=NOW)
    with pytest.raises(NotPermitted):
        add_time_off(actor=SYSTEM, starts_at=NOW, ends_at=NOW + DAY, now=NOW)
