"""Receipts: what a provider reports about a message that it took. A delivery's state only moves forward."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from aiops.kernel import live
from notifications.choices import ChannelKind, DeliveryState
from notifications.delivery.models import Delivery, Receipt
from notifications.delivery.services import outcomes

ORDER = {
    DeliveryState.SENDING: 0,
    DeliveryState.FAILED_TEMPORARY: 0,
    DeliveryState.SENT: 1,
    DeliveryState.DELIVERED: 2,
    DeliveryState.READ: 3,
}


def note(
    *, workspace_id: int, kind: ChannelKind, ref: str, state: DeliveryState, detail: str, now: datetime
) -> Delivery | None:
    """Record what the provider says of its message *ref*; None when the account's workspace sent no such message.

    Receipts may come late, twice, or out of order: each is kept, and the state never goes back. A message that failed after it
    was taken counts as one that reached nobody. What is said of a digest is said of all that it told of.
    """
    with transaction.atomic():
        sent = Delivery.objects.filter(workspace_id=workspace_id, kind=kind)
        known = sent.filter(provider_ref=ref).exclude(provider_ref="").order_by("-pk").first()
        if known is None:
            return None
        carrier = known.digest_id or known.pk
        rows = list(
            sent.filter(Q(pk=carrier) | Q(digest_id=carrier))
            .order_by("pk")
            .select_for_update(no_key=True, of=("self",))
        )
        Receipt.objects.bulk_create(Receipt(delivery=row, at=now, state=state, detail=detail[:500]) for row in rows)
        moved = [row for row in rows if _moves(row, state, detail, now)]
        live.publish_rows([(row.workspace_id, row.incident_id) for row in moved], "delivery")
    if state == DeliveryState.FAILED_PERMANENT and moved:
        outcomes.follow_up(moved, now)
    return known


def _moves(delivery: Delivery, state: DeliveryState, detail: str, now: datetime) -> bool:
    """Whether the delivery is further than it was, or failed after all; writes it down."""
    before = ORDER.get(DeliveryState(delivery.state))
    failed = state == DeliveryState.FAILED_PERMANENT and before is not None and before < ORDER[DeliveryState.DELIVERED]
    if not failed and (before is None or ORDER.get(state, -1) <= before):
        return False
    delivery.state = state
    if failed:
        delivery.reason = detail[:500]
    if state in (DeliveryState.DELIVERED, DeliveryState.READ):
        delivery.delivered_at = delivery.delivered_at or now
    if state == DeliveryState.READ:
        delivery.read_at = now
    delivery.save(update_fields=["state", "reason", "delivered_at", "read_at"])
    return True
