"""Hands claimed deliveries over: looked at once more, rendered, given to the channel, written down. No transaction is open
while a provider is spoken to.

Different destinations are served side by side, one after the other within each, so that a slow provider holds up nobody else's
page and what is said of an incident arrives in order.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import httpx
from django.db import connection

from aiops.kernel import http
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError
from incidents.choices import LIVE, Status
from incidents.models import Incident
from notifications.channels import CHANNELS
from notifications.choices import ON_ITS_WAY, TOLD, ChannelKind, DeliveryState, Purpose
from notifications.contracts import Channel, PermanentFailure, SendFailure, Sent, TemporaryFailure
from notifications.models import Delivery, MessageTemplate
from notifications.selectors.next_steps import spoken
from notifications.services import outcomes, rendering, reply_codes
from notifications.services.claiming import Parcel, claim

log = logging.getLogger(__name__)

BATCH = 200
THREADS = 8
TIMEOUT = 10.0  # seconds; far below the lease of a claim

_local = threading.local()
Clock = Callable[[], datetime]


def send_due(
    now: datetime,
    *,
    limit: int = BATCH,
    channels: Mapping[ChannelKind, Channel] = CHANNELS,
    clock: Clock = utcnow,
) -> int:
    """Send what is due, at most *limit* deliveries; returns how many were taken in hand. *clock* stamps the outcomes."""
    parcels = claim(now, limit)
    lanes: dict[int | None, list[Parcel]] = {}
    for parcel in parcels:
        lanes.setdefault(parcel.delivery.destination_id, []).append(parcel)
    if len(lanes) <= 1:
        for lane in lanes.values():
            _serve(lane, channels, clock)
    else:
        with ThreadPoolExecutor(min(THREADS, len(lanes)), thread_name_prefix="send") as pool:
            list(pool.map(lambda lane: _serve_elsewhere(lane, channels, clock), lanes.values()))
    return sum(len(parcel.all) for parcel in parcels)


def send_now(
    delivery_id: int, *, channels: Mapping[ChannelKind, Channel] = CHANNELS, clock: Clock = utcnow
) -> Delivery:
    """Send one waiting delivery in the caller's own thread, by the same path (a test, a code); returns it as it is afterwards."""
    now = clock()
    taken = Delivery.objects.filter(pk=delivery_id, state=DeliveryState.PENDING)
    if taken.update(state=DeliveryState.SENDING, claimed_until=now + timedelta(seconds=60), attempts=1):
        related = ("incident__service", "incident__source", "destination__provider", "recipient")
        _serve([Parcel(Delivery.objects.select_related(*related).get(pk=delivery_id))], channels, clock)
    return Delivery.objects.select_related("destination").get(pk=delivery_id)


def _serve_elsewhere(lane: Sequence[Parcel], channels: Mapping[ChannelKind, Channel], clock: Clock) -> None:
    try:
        _serve(lane, channels, clock)
    finally:
        connection.close()


def _serve(lane: Sequence[Parcel], channels: Mapping[ChannelKind, Channel], clock: Clock) -> None:
    for parcel in lane:
        try:
            _hand_over(parcel, channels, clock)
        except Exception:  # one delivery that trips never stops the others; its claim runs out, and it comes again
            log.exception("delivery %s could not be handed over", parcel.delivery.public_id)


def _hand_over(parcel: Parcel, channels: Mapping[ChannelKind, Channel], clock: Clock) -> None:
    now = clock()
    going = []
    for delivery in parcel.all:
        if reason := _why_not(delivery, now):
            outcomes.suppressed([delivery], reason)
        else:
            going.append(delivery)
    if not going:
        return
    carrier = going[0]
    try:
        result = _send(carrier, going[1:], channels[ChannelKind(carrier.kind)], now)
    except SendFailure as failure:
        outcomes.failed(going, failure, clock())
    except DomainError as error:  # an address that may not be called
        outcomes.failed(going, PermanentFailure(error.message), clock())
    except (httpx.HTTPError, OSError) as error:
        outcomes.failed(going, TemporaryFailure(f"{type(error).__name__}: {error}", unknown=True), clock())
    else:
        if result is None:
            outcomes.suppressed(going, "a page of the same incident goes there")
        else:
            outcomes.sent(going, result, clock())


def _send(delivery: Delivery, along: Sequence[Delivery], channel: Channel, now: datetime) -> Sent | None:
    """Render and send; None when the very same is said there anyway."""
    if _said_already(delivery):
        return None
    _check_destination(delivery)
    reply_codes.assign(delivery)
    others = [other.incident for other in along if other.incident is not None]
    template = MessageTemplate.objects.filter(
        workspace_id=delivery.workspace_id, kind=delivery.kind, purpose=delivery.purpose
    ).first()
    message = rendering.message_of(
        delivery, now, others=others, count=1 + len(along), next_step=_next_step(delivery, now), template=template
    )
    return channel.send(message, rendering.outlet_of(delivery), _client())


def _why_not(delivery: Delivery, now: datetime) -> str:
    """Why a message is not sent after all, as the incident is now; "" when it is."""
    if delivery.incident_id is None or delivery.purpose in (Purpose.STAND_DOWN, Purpose.TEST):
        return ""
    fields = ("status", "episode", "snoozed_until", "suppressed_by", "acknowledged_by")
    incident = Incident.objects.filter(deliveries=delivery.pk).values(*fields).first()
    if incident is None:
        return "the incident is gone"
    if incident["episode"] != delivery.episode:
        return "the incident was reopened since"
    if incident["status"] not in LIVE:
        return "it ended before it was sent"
    if delivery.purpose == Purpose.ANNOUNCE:
        return ""
    if incident["status"] != Status.OPEN:
        return f"acknowledged by {incident['acknowledged_by']} before it was sent"
    if incident["suppressed_by"] is not None:
        return "suppressed before it was sent"
    if incident["snoozed_until"] is not None and incident["snoozed_until"] > now:
        return "snoozed before it was sent"
    return ""


def _check_destination(delivery: Delivery) -> None:
    destination = delivery.destination
    if destination is None:
        raise PermanentFailure("There is no destination.", address=False)
    if delivery.purpose in (Purpose.VERIFY, Purpose.TEST):
        return
    if not destination.enabled:
        raise PermanentFailure("The destination is switched off.", address=False)
    if destination.broken_at is not None:
        raise PermanentFailure(f"The destination is broken: {destination.broken_reason}", address=False)


def _said_already(delivery: Delivery) -> bool:
    """Whether an announcement would only repeat a page of the same incident that goes to the same place."""
    if delivery.purpose != Purpose.ANNOUNCE or delivery.destination_id is None:
        return False
    pages = Delivery.objects.filter(
        incident=delivery.incident,
        destination=delivery.destination,
        episode=delivery.episode,
        purpose=Purpose.PAGE,
    )
    return pages.filter(state__in=(*TOLD, *ON_ITS_WAY)).exists()


def _next_step(delivery: Delivery, now: datetime) -> str:
    """What happens if the message is ignored, as the incident's row says it."""
    if delivery.incident_id is None or delivery.purpose != Purpose.PAGE:
        return ""
    return spoken([delivery.incident_id], now).get(delivery.incident_id, "")


def _client() -> httpx.Client:
    """This thread's client, its connections kept alive between messages."""
    client: httpx.Client | None = getattr(_local, "client", None)
    if client is None or client.is_closed:
        client = _local.client = http.client(TIMEOUT)
    return client
