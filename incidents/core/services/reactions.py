"""Events for the apps above: publishes them, and calls handlers that failed once more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from aiops.kernel import events
from aiops.kernel.events import Event, Fact
from aiops.kernel.text import storable
from incidents.core.models import PendingReaction

BATCH = 100
LONGEST_PAUSE = timedelta(hours=1)
LONGEST_ERROR = 2000
MOST_ATTEMPTS = 32_000  # that the column holds


def publish(event: Event, facts: Sequence[Fact], now: datetime, *, savepoints: bool = True) -> None:
    """Call the handlers of *event* inside the running transaction; a failed one leaves a row that :func:`retry_due` picks up.
    Without *savepoints* it raises :class:`events.HandlerFailed` instead."""
    failures = events.publish(event, facts, now, savepoints=savepoints)
    if failures:
        PendingReaction.objects.bulk_create(
            PendingReaction(
                event=failure.event.value,
                handler=failure.handler,
                facts=[fact.stored() for fact in failure.facts],
                error=storable(failure.error, LONGEST_ERROR),
                created_at=now,
                next_attempt_at=now + timedelta(seconds=5),
            )
            for failure in failures
        )


def retry_due(now: datetime) -> int:
    """Call failed handlers again whose time has come, each in a transaction of its own; returns how many succeeded. Pauses double
    from 5 s to an hour."""
    due = PendingReaction.objects.filter(next_attempt_at__lte=now).order_by("next_attempt_at")
    return sum(_retry(pk, now) for pk in due.values_list("pk", flat=True)[:BATCH])


def _retry(pk: int, now: datetime) -> bool:
    with transaction.atomic():
        rows = PendingReaction.objects.filter(pk=pk, next_attempt_at__lte=now)
        if (reaction := rows.select_for_update(skip_locked=True).first()) is None:
            return False
        error = events.retry(reaction.event, reaction.handler, reaction.facts, now)
        if error is None:
            reaction.delete()
            return True
        pause = min(LONGEST_PAUSE, timedelta(seconds=5 * 2 ** min(reaction.attempts, 16)))
        attempts = min(reaction.attempts + 1, MOST_ATTEMPTS)
        rows.update(attempts=attempts, error=storable(error, LONGEST_ERROR), next_attempt_at=now + pause)
        return False
