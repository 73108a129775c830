"""Celery tasks of the app. Each reads the clock and calls services; the deadlines are in the database."""

from __future__ import annotations

from datetime import datetime, timedelta

from celery import shared_task

from aiops.kernel import marks
from aiops.kernel.clock import utcnow
from aiops.kernel.outbox import Outbox
from notifications.delivery.services import doorbell
from notifications.delivery.services.sender_pool import SenderPool
from notifications.escalation.services import endings, steps, unreachable
from notifications.oncall.services import calendars, coverage
from notifications.watch.services import auditor, clock_rollback, heartbeat, proof, retention

SWEEP_MARK = "aiops:paging:ended"  # epoch seconds of the last finished sweep; /metrics tells its age
CALENDARS_EVERY = timedelta(minutes=14, seconds=30)  # so that the fifteenth minute finds it due


def _page(now: datetime) -> int:
    """Plan what is due, and begin to send what is planned; returns how much that is."""
    failure: Exception | None = None
    worked = 0
    try:
        worked = steps.run_due(now)
    except Exception as error:  # noqa: BLE001 (what is planned already goes out first; then it is raised)
        failure = error
    worked += _pool.begin(now)
    if failure is not None:
        raise failure
    marks.leave(SWEEP_MARK, now)
    return worked


OUTBOX = Outbox(doorbell.bell, _page, is_busy=lambda: _pool.is_busy, clock=clock_rollback.now)
_pool: SenderPool = SenderPool(queue_ended=OUTBOX.look_again)


@shared_task
def page() -> int:
    """Tell who is to be told now: rung after a commit, and every few seconds in case a ring was lost. Returns how much was
    done."""
    return OUTBOX.run()


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
