"""Deliveries as rows: written with their cause, called off with it, and followed up. What sends them is ``sending``."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from aiops.kernel.sql import insert
from notifications.channels import CHANNELS
from notifications.choices import ASKING, TOLD, WAITING, ChannelKind, DeliveryState, Purpose, Rank, Urgency
from notifications.intents import ACKNOWLEDGED, NO_STEP, Intent
from notifications.models import Delivery
from notifications.services import doorbell

UPDATING = [kind for kind, channel in CHANNELS.items() if channel.updates]


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


def tell_update(incident_ids: Collection[int], event: str, now: datetime) -> int:
    """Tell everybody who was told of these episodes how it went on; *event* is acknowledge or resolve.

    That it is over, everybody hears. That somebody has it, only outlets that keep a state of their own.
    """
    told = Delivery.objects.filter(
        Q(state__in=TOLD) | Q(state=DeliveryState.SENDING),
        incident_id__in=incident_ids,
        episode=F("incident__episode"),
        purpose__in=ASKING,
        destination__isnull=False,
    )
    if event == "acknowledge":
        told = told.filter(kind__in=UPDATING)
    rows = told.order_by("incident_id", "pk").values_list(
        "workspace_id", "incident_id", "episode", "recipient_id", "destination_id", "kind", "urgency"
    )
    step = ACKNOWLEDGED if event == "acknowledge" else NO_STEP
    return intend(
        [
            Intent(
                workspace_id=workspace_id,
                incident_id=incident_id,
                episode=episode,
                step=step,
                purpose=Purpose.STAND_DOWN,
                recipient_id=recipient_id,
                destination_id=destination_id,
                kind=ChannelKind(kind),
                urgency=Urgency(urgency),
                rank=Rank.TOLD,
                data={"event": event},
                due_at=now,
            )
            for workspace_id, incident_id, episode, recipient_id, destination_id, kind, urgency in dict.fromkeys(rows)
        ],
        now,
    )
