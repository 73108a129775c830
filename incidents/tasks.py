"""Celery tasks of the app. Each reads the clock and calls one service; the deadlines are in the database."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from celery import shared_task
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore

from aiops.audit import chain
from aiops.kernel import marks
from aiops.kernel.clock import utcnow
from incidents.core.services import reactions
from incidents.ingest.services import partitions
from incidents.journal.services import dead_letters
from incidents.response.services import timers
from incidents.upkeep.services import upkeep

SWEEP_MARK = "aiops:sweep:ended"  # epoch seconds of the last finished sweep; /metrics tells its age


@shared_task
def sweep() -> dict[str, int]:
    """Every few seconds: whatever has become due."""
    now = utcnow()
    works = {
        "woken": partial(timers.wake_snoozed, now),
        "closed": partial(timers.close_resolved, now, settings.AIOPS_AUTO_CLOSE_AFTER),
        "reactions": partial(reactions.retry_due, now),
    }
    done = upkeep.parts("sweep", works, now)
    marks.leave(SWEEP_MARK, now)
    return done


@shared_task
def housekeeping() -> None:
    """Every ten minutes: what keeps the house small."""
    now = utcnow()
    works: dict[str, Callable[[], object]] = {
        "partitions": partial(partitions.maintain, now, settings.AIOPS_ALERT_RETENTION),
        "resolves": partial(timers.forget_resolves, now),
        "events": partial(timers.forget_events, now),
        "dead letters": partial(dead_letters.forget_old, now),
        "sessions": SessionStore.clear_expired,
        "troubles": partial(upkeep.forget_gone, now),
    }
    upkeep.parts("housekeeping", works, now)


@shared_task
def seal() -> dict[str, int]:
    """Every few seconds: what was recorded since gets its place in the chain."""
    now = utcnow()
    return upkeep.parts("seal", {"audit": partial(chain.seal_all, now)}, now)
