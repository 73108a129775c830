"""A duty of an app that the others do not know: what is due is done whoever rings, or dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection, connections

from aiops.celery import beat_schedule
from aiops.kernel.clock import utcnow
from aiops.kernel.outbox import duties, move_deadlines
from aiops.kernel.outbox.lease import LEASE, claim, renew, settle
from aiops.kernel.outbox.outbox import Outbox
from aiops.kernel.outbox.standby import Standby
from tests.factories import NOW
from tests.toy import services, tasks
from tests.toy.models import Drill

pytestmark = pytest.mark.django_db(transaction=True)

CLAIMS = """
import sys, time
import django
django.setup()
from aiops.kernel.clock import utcnow
from aiops.kernel.outbox.lease import claim
from tests.toy.models import Drill
print(*[drill.pk for drill in claim(Drill.objects.all(), utcnow(), limit=10)], flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def emptied() -> Iterator[None]:
    yield
    Drill.objects.all().delete()


def due(**fields: object) -> Drill:
    return Drill.objects.create(**{"incident_id": 1, "approved_by": "ana", "due_at": NOW, **fields})


def held(drill: Drill) -> bool:
    drill.refresh_from_db()
    return drill.held_at is not None


def test_a_ring_that_nobody_hears_costs_a_sweep_and_nothing_else() -> None:
    drill = due()
    services.bell.ring()  # there is no worker: the broker keeps it for nobody
    sweep = beat_schedule()[services.TASK]
    assert (sweep["task"], sweep["options"]["queue"]) == (services.TASK, "paging")
    assert tasks.hold_drills() == 1 and held(drill)


def test_workers_look_by_themselves_while_nobody_tells_them() -> None:
    drill = due()
    looked = threading.Event()

    def look() -> None:
        if not looked.is_set():  # the thread outlives this test
            tasks.hold_drills()
            looked.set()

    assert services.TASK in [duty.task for duty in duties()], "of which each worker makes a standby"
    Standby({services.TASK: look}, patience=0.05).start()
    assert looked.wait(30) and held(drill)


def test_what_a_killed_worker_had_in_hand_is_done_by_another_one() -> None:
    drill = due()
    url = urlsplit(settings.SERVER_URL)._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "AIOPS_TEST_DATABASE_URL": url}
    worker = subprocess.Popen([sys.executable, "-c", CLAIMS], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline().split() == [str(drill.pk)]
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    drill.refresh_from_db()
    assert drill.claimed_until is not None and drill.attempts == 1
    assert services.hold_due(drill.claimed_until - timedelta(seconds=1)) == 0, "its lease still runs"
    assert services.hold_due(drill.claimed_until) == 1 and held(drill)
    assert drill.attempts == 2


def test_who_is_late_writes_nothing_into_what_another_one_has() -> None:
    due()
    (late,) = claim(Drill.objects.all(), NOW, limit=10)
    assert claim(Drill.objects.all(), NOW, limit=10) == []
    (other,) = claim(Drill.objects.all(), NOW + LEASE, limit=10)
    renew([late], NOW + LEASE)
    assert not settle(late, due_at=None, held_at=NOW)
    other.refresh_from_db()
    assert (other.claimed_until, other.held_at) == (NOW + 2 * LEASE, None)
    renew([other], NOW + 2 * LEASE - timedelta(seconds=1))
    assert claim(Drill.objects.all(), NOW + 2 * LEASE, limit=10) == []
    assert settle(other, due_at=None, held_at=NOW)
    assert claim(Drill.objects.all(), NOW + 9 * LEASE, limit=10) == []


def test_two_at_once_never_have_the_same_in_hand() -> None:
    for _ in range(20):
        due()
    ready, had = threading.Barrier(4), list[int]()

    def work() -> None:
        ready.wait()
        while Drill.objects.filter(claimed_until=None).exists():  # what others are just taking is passed over
            had.extend(drill.pk for drill in claim(Drill.objects.all(), NOW, limit=3))
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(had) == sorted(Drill.objects.values_list("pk", flat=True))


def test_what_becomes_due_while_a_batch_runs_is_done_by_the_same_run() -> None:
    said: list[str] = []

    def batch(now: object) -> int:
        said.append("looked")
        if len(said) == 1:
            services.bell.ring()  # it makes something due, and does nothing itself
        return 0

    Outbox(services.bell, batch).run()
    assert said == ["looked", "looked"]


def test_deadlines_follow_a_clock_that_was_set_back() -> None:
    drill = due(due_at=NOW + timedelta(hours=2))
    move_deadlines(timedelta(hours=1), NOW)
    drill.refresh_from_db()
    assert drill.due_at == NOW + timedelta(hours=1)
    assert utcnow() > NOW  # nothing else was touched
