"""Celery entrypoints: the clock in, services called. Deadlines live in the database; these only look."""

from __future__ import annotations

import threading
from datetime import timedelta

from celery import shared_task
from django.core.cache import cache

from aiops.kernel.clock import utcnow
from notifications.services import auditor, calendars, coverage, heartbeat, keeping, proof, sending, steps, unreachable

SWEEP_MARK = "aiops:paging:ended"  # epoch seconds of the last finished sweep; /metrics tells its age
LONGEST = timedelta(seconds=60)  # that one task goes on while there is more to do; then the next one takes over

_busy = threading.Lock()
_again = threading.Event()


@shared_task
def page() -> int:
    """Tell who is to be told now: rung after a commit, and every few seconds in case a ring was lost. Returns how much was done.

    One at a time in a process: a ring that comes meanwhile has the one that runs look once more.
    """
    _again.set()
    done = 0
    while _again.is_set() and _busy.acquire(blocking=False):
        try:
            _again.clear()
            done += _work_off()
        finally:
            _busy.release()
    return done


def _work_off() -> int:
    """Do what is due until nothing is."""
    began_at, done = utcnow(), 0
    while (now := utcnow()) - began_at < LONGEST:
        worked = steps.run_due(now) + sending.send_due(utcnow())
        done += worked
        if not worked:
            break
    cache.set(SWEEP_MARK, utcnow().timestamp(), timeout=None)
    return done


@shared_task
def housekeeping() -> None:
    """Every ten minutes: what keeps the house small."""
    keeping.forget_old(utcnow())


@shared_task
def watch_coverage() -> int:
    """Every five minutes: schedules with nobody on call in the next 30 days become incidents. Returns how many have gaps."""
    return coverage.watch(utcnow())


@shared_task
def import_calendars() -> int:
    """Every fifteen minutes: what is in people's calendars becomes overrides and time off. Returns how many could be read."""
    return calendars.import_due(utcnow())


@shared_task
def audit() -> int:
    """Every minute: has paging lost sight of anything? Returns how many violations were found."""
    return len(auditor.audit(utcnow()))


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
