"""The clock that deadlines go by: PostgreSQL's, and what happens when that is set back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection

from aiops.celery import beat_schedule
from aiops.kernel import clock, timekeeper
from aiops.kernel.clock import utcnow
from notifications.choices import DeliveryState
from notifications.models import Delivery, EscalationRun, SweepClock
from notifications.watch.services import clock_rollback
from tests.world import World

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
SOON = timedelta(seconds=2)


def database_time():
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        return cursor.fetchone()[0]


@pytest.mark.parametrize("off", [-HOUR, HOUR])
def test_a_process_whose_clock_is_wrong_follows_postgresql(off):
    timekeeper.agree()  # other tests of this process may have left its clock off
    clock.follow(utcnow() + off)
    assert timekeeper.agree() == pytest.approx(-off, abs=SOON)
    assert utcnow() == pytest.approx(database_time(), abs=SOON)
    assert timekeeper.agree() == timedelta(0)


def test_what_comes_every_so_many_seconds_asks_a_clock_that_nobody_sets():
    before = {name: entry["schedule"].now() for name, entry in beat_schedule().items()}
    clock.follow(utcnow() - HOUR)
    try:
        for name, entry in beat_schedule().items():
            assert timedelta(0) <= entry["schedule"].now() - before[name] < SOON
    finally:
        clock.follow(utcnow() + HOUR)


@pytest.fixture
def back(world: World):
    """An hour too late is what the last sweep saw: the clock was set back by an hour since. Returns the instant it is now."""
    world.now = database_time()
    world.levels("ana", "bo")
    world.fire("cpu")
    world.phone("ana").expects("cpu")
    assert clock_rollback.look() == timedelta(0)
    SweepClock.objects.update(seen_at=database_time() + HOUR)
    return world.now


def test_set_back_the_deadlines_go_with_it_once(world: World, back):
    due = world.run("cpu").next_step_at
    world.fire("disk")
    world.act("snooze", "disk", duration=2 * HOUR)
    world.fire("later")
    world.phone("ana").read_all()
    waiting = Delivery.objects.filter(incident=world.incident("later"))
    waiting.update(state=DeliveryState.PENDING, due_at=back + 2 * HOUR)

    assert clock_rollback.look() == pytest.approx(HOUR, abs=SOON)
    assert clock_rollback.look() == timedelta(0)

    assert world.run("cpu").next_step_at == pytest.approx(due - HOUR, abs=SOON)
    assert world.incident("disk").snoozed_until == pytest.approx(back + HOUR, abs=SOON)
    assert waiting.get().due_at == pytest.approx(back + HOUR, abs=SOON)
    assert EscalationRun.objects.get(incident=world.incident("disk")).next_step_at is None


def test_less_than_half_a_minute_is_nothing(world: World, back):
    SweepClock.objects.update(seen_at=database_time() + timedelta(seconds=20))
    due = world.run("cpu").next_step_at
    assert clock_rollback.look() == timedelta(0)
    assert world.run("cpu").next_step_at == due


def test_the_first_look_ever_begins(world: World):
    SweepClock.objects.all().delete()
    assert clock_rollback.look() == timedelta(0)
    assert SweepClock.objects.get().seen_at == pytest.approx(database_time(), abs=SOON)
    assert clock_rollback.now() == pytest.approx(database_time(), abs=SOON)
