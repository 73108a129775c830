"""Delivery rows: created in the transaction of their cause, and called off with it. ``sending`` sends them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction

from aiops.kernel.sql import insert
from notifications.choices import WAITING, DeliveryState, Purpose
from notifications.delivery.intents import Intent
from notifications.delivery.models import Delivery
from notifications.delivery.services import doorbell


def intend(intents: Sequence[Intent], now: datetime) -> int:
    """Write *intents* down in one statement; those that are written already are passed over. Rings after the commit.

    Returns how many were given.
    """
    rows = [
        Delivery(
            workspace_id=intent.workspace_id,
            incident_id=intent.incident_id,
            episode=intent.episode,
            round=intent.round,
            step=intent.step,
            purpose=intent.purpose,
            recipient_id=intent.recipient_id,
            destination_id=intent.destination_id,
            kind=intent.kind,
            urgency=intent.urgency,
            rank=intent.rank,
            data=dict(intent.data),
            state=DeliveryState.SUPPRESSED if intent.suppressed else DeliveryState.PENDING,
            reason=intent.suppressed[:500],
            due_at=intent.due_at,
            created_at=now,
        )
        for intent in intents
    ]
    if rows:
        insert(rows, ignore_conflicts=True)
        transaction.on_commit(doorbell.ring, robust=True)
    return len(rows)


def cancel_waiting(incident_ids: Collection[int], reason: str, purposes: Collection[Purpose], now: datetime) -> int:
    """Call off what has not been handed over yet. What a worker has in hand is looked at once more before it goes."""
    waiting = Delivery.objects.filter(incident_id__in=incident_ids, state__in=WAITING, purpose__in=purposes)
    return waiting.update(state=DeliveryState.SUPPRESSED, reason=reason[:500])
