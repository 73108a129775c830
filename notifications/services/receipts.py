"""What providers say of a message after they took it: delivered, read, or failed after all. A delivery only moves forward."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from django.db import transaction

from aiops.kernel import live
from notifications.choices import ChannelKind, DeliveryState
from notifications.models import Delivery, Receipt
from notifications.services import outcomes

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
    was taken counts as one that reached nobody.
    """
    with transaction.atomic():
        sent = Delivery.objects.filter(workspace_id=workspace_id, kind=kind, provider_ref=ref)
        known = sent.exclude(provider_ref="").order_by("-pk")
        delivery = known.select_for_update(no_key=True, of=("self",)).first()
        if delivery is None:
            return None
        Receipt.objects.create(delivery=delivery, at=now, state=state, detail=detail[:500])
        before = ORDER.get(DeliveryState(delivery.state))
        failed = (
            state == DeliveryState.FAILED_PERMANENT and before is not None and before < ORDER[DeliveryState.DELIVERED]
        )
        if failed or (before is not None and ORDER.get(state, -1) > before):
            delivery.state = state
            if failed:
                delivery.reason = detail[:500]
            if state in (DeliveryState.DELIVERED, DeliveryState.READ):
                delivery.delivered_at = delivery.delivered_at or now
            if state == DeliveryState.READ:
                delivery.read_at = now
            delivery.save(update_fields=["state", "reason", "delivered_at", "read_at"])
            if delivery.incident_id is not None:
                changed = partial(live.publish, delivery.workspace_id, [delivery.incident_id], "delivery")
                transaction.on_commit(changed, robust=True)
    if failed:
        outcomes.tell_others([delivery], now)
    return delivery
