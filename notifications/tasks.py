"""Celery tasks of the app. Each reads the clock and calls services; the deadlines are in the database."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

from celery import shared_task

from aiops.kernel import marks
from aiops.kernel.clock import utcnow
from notifications.delivery.services import doorbell
from notifications.delivery.services.sender_pool import SenderPool
from notifications.escalation.services import endings, steps, unreachable
from notifications.oncall.services import calendars, coverage
from notifications.watch.services import auditor, clock_rollback, heartbeat, proof, retention

SWEEP_MARK = "aiops:paging:ended"  # epoch seconds of the last finished sweep; /metrics tells its age
LONGEST = 3.0  # seconds that one task goes on while there is more to do; then others of the queue have their turn, and the next

BREATH = 0.02  # seconds between two looks while others are at work: rings come fast in a storm
CALENDARS_EVERY = timedelta(minutes=14, seconds=30)  # so that the fifteenth minute finds it due
WAIT = 1.0  # seconds that are waited for a queue at most, before looking again

_at_it = threading.Lock()


def _look_again() -> None:
    """A queue has ended: whoever is at it sees that, else somebody has to come."""
    if not _at_it.locked():
        doorbell.ring()


_pool = SenderPool(queue_ended=_look_again)


@shared_task
def page() -> int:
    """Tell who is to be told now: rung after a commit, and every few seconds in case a ring was lost. Returns how much was done.

    One at a time in a process: a ring that comes meanwhile has the one that runs look once more. It ends when nothing is due
    and nobody is being told any more; or when it has gone on for long, so that a storm or a provider that hangs keeps nothing
    else of this queue waiting. What it began goes on.
    """
    until, done = time.monotonic() + LONGEST, 0
    _pool.changed.set()
    while _pool.changed.is_set() and time.monotonic() < until and _at_it.acquire(blocking=False):
        try:
            done += _work_off(until)
        finally:
            _at_it.release()
    if time.monotonic() >= until:
        doorbell.ring()
    return done


def _work_off(until: float) -> int:
    """Do what is due until nothing is."""
    done = 0
    while time.monotonic() < until:
        _pool.changed.clear()
        now = clock_rollback.now()
        failure: Exception | None = None
        worked = 0
        try:
            with doorbell.without_ringing():
                worked = steps.run_due(now)
        except Exception as error:  # noqa: BLE001 (what is planned already goes out first; then it is raised)
            failure = error
        worked += _pool.begin(now)
        if failure is not None:
            raise failure
        marks.leave(SWEEP_MARK, now)
        done += worked
        if _pool.is_busy:
            time.sleep(BREATH)  # the queues first: this thread would only take processor time from them
            if not worked:
                _pool.changed.wait(WAIT)
        elif not worked:
            break
    return done


@shared_task
def housekeeping() -> None:
    """Every ten minutes: what keeps the house small."""
    retention.forget_old(utcnow())


@shared_task
def watch_coverage() -> int:
    """Every five minutes: schedules with nobody on call in the next 30 days become incidents. Returns how many have gaps."""
    return coverage.watch(utcnow())


@shared_task
def import_calendars() -> int:
    """Every minute, each calendar every fifteen: what is in people's calendars becomes overrides and time off. Returns how many
    could be taken."""
    return calendars.import_due(utcnow(), every=CALENDARS_EVERY)


@shared_task
def audit() -> int:
    """Every minute: has paging lost sight of anything? Returns how many violations were found. Alarms about policies that had run
    out end where nobody waits any more."""
    now = utcnow()
    found = len(auditor.audit(now))
    endings.end_alarms(now)
    return found


@shared_task
def prove() -> None:
    """Every twenty seconds: whether the synthetic page has arrived, and whether it is time for the next."""
    proof.prove(utcnow())


@shared_task
def beat_heart() -> bool:
    """Every minute: tell whoever watches us that paging works, if it does."""
    return heartbeat.beat(utcnow())


@shared_task
def find_unreachable() -> int:
    """Every hour: services whose escalation would reach nobody. Returns how many."""
    return unreachable.sweep(utcnow())
