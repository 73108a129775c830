"""Events to the apps above, and the second chance of those reactions that failed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from aiops.kernel import events
from incidents.models import PendingReaction

BATCH = 100
LONGEST_PAUSE = timedelta(hours=1)


def publish(event: str, facts: Sequence[events.Fact], now: datetime, *, savepoints: bool = True) -> None:
    """Call the handlers of *event* inside the running transaction; a failed one leaves a row that :func:`retry_due` picks up.
    Without *savepoints* it raises :class:`events.HandlerFailed` instead."""
    failures = events.publish(event, facts, now, savepoints=savepoints)
    if failures:
        PendingReaction.objects.bulk_create(
            PendingReaction(
                event=failure.event,
                handler=failure.handler,
                facts=failure.facts,
                error=failure.error,
                created_at=now,
                next_attempt_at=now + timedelta(seconds=5),
            )
            for failure in failures
        )


def retry_due(now: datetime) -> int:
    """Call failed handlers again whose time has come; returns how many succeeded. Pauses double from 5 s to an hour."""
    done = 0
    with transaction.atomic():
        due = PendingReaction.objects.filter(next_attempt_at__lte=now).select_for_update(skip_locked=True)[:BATCH]
        for reaction in due:
            error = events.retry(reaction.event, reaction.handler, reaction.facts, now)
            if error is None:
                reaction.delete()
                done += 1
                continue
            pause = min(LONGEST_PAUSE, timedelta(seconds=5 * 2**reaction.attempts))
            reaction.attempts += 1
            reaction.error = error
            reaction.next_attempt_at = now + pause
            reaction.save(update_fields=["attempts", "error", "next_attempt_at"])
    return done
