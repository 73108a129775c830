"""The page of one delivery: its cause, every attempt, every receipt, the reason where it was not sent, and its text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from aiops.access.actors import Actor
from aiops.access.models import User
from aiops.kernel.errors import InvalidInput, NotFound
from notifications.channels.contracts import Message
from notifications.choices import ON_ITS_WAY, DeliveryState, Purpose
from notifications.delivery.console.log import line_of
from notifications.delivery.models import Delivery, MessageTemplate, Receipt
from notifications.delivery.services import rendering

DELIVERY_ID = re.compile(r"^dlv-([0-9a-f]{8,15})$")
RECEIPTS = 200
NAMED = 20  # deliveries of the same digest that the page links to; the rest is counted
# What anybody of the workspace may read. A code proves an address; a notice is somebody's own affair.
OPEN_PURPOSES = (
    Purpose.PAGE,
    Purpose.ANNOUNCE,
    Purpose.ASSIGNED,
    Purpose.STAND_DOWN,
    Purpose.FALLBACK,
    Purpose.TEST,
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One line of the trace. *state* names the mark; *tone* is ok, bad or ""."""

    at: datetime | None
    title: str
    detail: str = ""
    state: str = "pending"


def delivery_for(actor: Actor, reference: str) -> Delivery:
    """The delivery of an id (``dlv-…``); ``NotFound`` when there is none or the actor may not know of it."""
    match = DELIVERY_ID.match(reference)
    rows = Delivery.objects.visible_to(actor).select_related(
        "incident__service", "incident__workspace", "recipient", "destination__provider", "digest", "workspace"
    )
    found = rows.filter(pk=int(match[1], 16)).first() if match else None
    if found is None:
        raise NotFound("There is no such delivery")
    return found


def trace_context(actor: Actor, user: User, delivery: Delivery, now: datetime) -> dict[str, Any]:
    """What the page of a delivery shows."""
    receipts = list(Receipt.objects.filter(delivery=delivery).order_by("pk")[:RECEIPTS])
    shows = delivery.purpose in OPEN_PURPOSES or (
        delivery.purpose == Purpose.OWNER_NOTICE and delivery.recipient_id == user.pk
    )
    return {
        "delivery": delivery,
        "line": line_of(delivery, user),
        "stages": stages(delivery, receipts, now),
        "message": _message(delivery, now) if shows else None,
        "others": _others(delivery)[:NAMED],
        "more": max(0, _others(delivery).count() - NAMED),
        "now": now,
        "section": "deliveries",
    }


def stages(delivery: Delivery, receipts: list[Receipt], now: datetime) -> list[Stage]:
    """From intent to receipt, in order."""
    told = [Stage(delivery.created_at, "Intended", _intent(delivery))]
    if delivery.due_at > delivery.created_at and not receipts:
        note = (
            str(delivery.data.get("note", "")) or "a later way of calling this person, or a pause before trying again"
        )
        told.append(Stage(delivery.due_at, "Due", note))
    told += [Stage(row.at, DeliveryState(row.state).label, row.detail, row.state) for row in receipts]
    state = DeliveryState(delivery.state)
    if state == DeliveryState.SUPPRESSED:
        told.append(Stage(None, "Not sent", delivery.reason, state))
    elif state == DeliveryState.SENDING:
        told.append(Stage(None, "Being handed over", f"attempt {delivery.attempts}", state))
    elif state in ON_ITS_WAY:
        late = "now" if delivery.due_at <= now else ""
        told.append(Stage(delivery.due_at, "Next attempt" if delivery.attempts else "First attempt", late, state))
    return told


def _intent(delivery: Delivery) -> str:
    said = [Purpose(delivery.purpose).label.lower(), f"{delivery.get_urgency_display().lower()} urgency"]
    if level := delivery.data.get("level"):
        said.append(f"level “{level}”")
    if delivery.round:
        said.append(f"wave {delivery.round + 1}")
    if delivery.rank == 0:
        said.append("a first page: it overtakes everything else")
    return ", ".join(said)


def _others(delivery: Delivery) -> QuerySet[Delivery]:
    """What went in the same message as *delivery*, the worst first."""
    carrier = delivery.digest_id or delivery.pk
    together = Delivery.objects.filter(Q(pk=carrier) | Q(digest_id=carrier)).exclude(pk=delivery.pk)
    return together.select_related("incident__service", "incident__source").order_by("-incident__severity", "-pk")


def _message(delivery: Delivery, now: datetime) -> Message | None:
    """As it would be said now, of a digest all of it; the links to answer with are made for their reader alone, and are not part
    of the text."""
    others = _others(delivery)
    if count := others.count():
        carrier = delivery.digest or delivery
        told = [each.incident for each in [delivery, *others[: rendering.NAMED]] if each.pk != carrier.pk]
        over = not others.exclude(purpose=Purpose.STAND_DOWN).exists() and delivery.purpose == Purpose.STAND_DOWN
        return rendering.message_of(
            carrier, now, others=[each for each in told if each is not None], count=count + 1, over=over
        )
    template = MessageTemplate.objects.filter(
        workspace_id=delivery.workspace_id, kind=delivery.kind, purpose=delivery.purpose
    ).first()
    try:
        return rendering.message_of(delivery, now, template=template)
    except InvalidInput:  # its incident is gone, and with it what there was to say
        return None
