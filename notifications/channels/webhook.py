"""The webhook channel: one signed JSON event for each request, after the manner of PagerDuty's v3 webhooks.

    {"event": {"id", "event_type", "resource_type", "occurred_at", "sequence", "purpose", "urgency", "attempt",
               "may_be_repeated", "subject", "text", "next_step", "incident": {…} or null, "others": [{…}],
               "links": [{"rel", "href"}], "data": {…}}}

``id`` is the same in every attempt: a receiver that has seen it answers 2xx and does nothing. ``sequence`` grows: a
receiver that has seen a higher one of the same incident drops the lower. 5xx, 408, 425, 429 and silence are tried again
for 48 hours. Any other status drops the event, and three drops in a row switch the destination off.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx

from notifications.channels.contracts import Channel, IncidentFacts, Message, Outlet, Sent
from notifications.channels.http_call import call, check_url
from notifications.channels.signing import HEADER, signatures
from notifications.choices import ChannelKind, DeliveryState, Purpose

TIMEOUT = 10.0  # seconds
EVENTS = {"trigger": "incident.triggered", "acknowledge": "incident.acknowledged", "resolve": "incident.resolved"}
OTHER_EVENTS = {
    Purpose.FALLBACK: "incident.unanswered",
    Purpose.OWNER_NOTICE: "notice",
    Purpose.VERIFY: "verification",
    Purpose.TEST: "ping",
}
HEADERS = {"Content-Type": "application/json", "User-Agent": "aiops-webhook/1"}


def send(message: Message, outlet: Outlet, http: httpx.Client) -> Sent:
    """Post the event; a 2xx means that the receiver has it."""
    body = json.dumps({"event": event(message)}).encode()
    headers = {
        **HEADERS,
        "X-Aiops-Delivery": message.delivery_id,
        "X-Aiops-Attempt": str(message.attempt),
        "Idempotency-Key": message.delivery_id,
    }
    if signed := signatures(outlet.secret, body):
        headers[HEADER] = signed
    response = call(
        http,
        "POST",
        outlet.address,
        who="The webhook",
        secret_address=True,
        content=body,
        headers=headers,
        timeout=TIMEOUT,
    )
    return Sent(state=DeliveryState.DELIVERED, detail=f"The webhook answered {response.status_code}.")


def event(message: Message) -> dict[str, Any]:
    """The event of *message*, ready for JSON."""
    incident = message.incident
    return {
        "id": message.delivery_id,
        "event_type": OTHER_EVENTS.get(message.purpose) or EVENTS[message.event],
        "resource_type": "incident" if incident else "notice",
        "occurred_at": message.created_at.isoformat(),
        "sequence": _sequence(message.delivery_id),
        "purpose": str(message.purpose),
        "urgency": str(message.urgency),
        "attempt": message.attempt,
        "may_be_repeated": message.maybe_twice,
        "subject": message.subject,
        "text": message.text,
        "next_step": message.next_step,
        "incident": _facts(incident) if incident else None,
        "others": [_facts(other) for other in message.others],
        "links": _links(message),
        "data": dict(message.data),
    }


def _facts(incident: IncidentFacts) -> Mapping[str, Any]:
    return {
        "id": incident.id,
        "name": incident.name,
        "title": incident.title,
        "description": incident.description,
        "severity": incident.severity,
        "priority": incident.priority,
        "status": incident.status,
        "service": incident.service,
        "source": incident.source,
        "where": incident.where,
        "occurrences": incident.occurrences,
        "created_at": incident.created_at.isoformat(),
        "labels": dict(incident.labels),
        "acknowledged_by": incident.acknowledged_by or None,
        "resolved_by": incident.resolved_by or None,
        "resolution": incident.resolution or None,
        "url": incident.url,
        "runbook_url": incident.runbook_url or None,
    }


def _links(message: Message) -> list[dict[str, str]]:
    links = [{"rel": answer.verb, "href": answer.url} for answer in message.answers]
    if message.incident:
        links.insert(0, {"rel": "incident", "href": message.incident.url})
        if message.incident.runbook_url:
            links.insert(1, {"rel": "runbook", "href": message.incident.runbook_url})
    return links


def _sequence(delivery_id: str) -> int:
    """Deliveries are numbered in the order in which they were meant."""
    digits = delivery_id.rpartition("-")[2]
    return int(digits, 16) if digits and all(digit in "0123456789abcdef" for digit in digits) else 0


CHANNEL = Channel(
    kind=ChannelKind.WEBHOOK,
    personal=False,
    shared=True,
    address_label="URL",
    address_help="Gets a signed JSON event per message; docs/channels.md says how to check the signature.",
    send=send,
    check_address=check_url,
    signs=True,
    bundles=False,
    confirms=True,
    updates=True,
    keyed=True,
    ordered=True,
    patience=timedelta(hours=48),
    drops=3,
)
