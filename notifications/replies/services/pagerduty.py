"""PagerDuty's v3 webhooks: acts of people on incidents that we sent there are done here; any other event is a signal.

An act that came from PagerDuty is not sent back there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from aiops.access.actors import Actor, ActorKind, Role
from aiops.kernel.encodings import inflated
from aiops.kernel.errors import Conflict, InvalidInput, NotFound
from incidents import ids
from incidents.catalogue.services import directory
from incidents.catalogue.services.directory import KnownSource
from incidents.choices import Result, SourceKind
from incidents.contracts import Signal
from incidents.core.models import Incident
from incidents.ingest.services.ingest import submit
from incidents.ingest.sources import SOURCES
from incidents.ingest.sources.body import dump, load
from incidents.journal.services.dead_letters import Letter, keep
from incidents.response.services import incidents
from notifications.choices import WAITING, ChannelKind, DeliveryState, Purpose
from notifications.delivery.models import Delivery
from notifications.replies.services.responding import first_time

OWN_KEY = re.compile(r"aiops-inc-([0-9a-f]{8,15})-(\d{1,5})", re.ASCII)  # the dedup key of what we send (rendering)
HERE = "It is so here already"
ACTION_TAKEN = {
    Result.OPENED: "created",
    Result.REPEATED: "deduplicated",
    Result.ACKNOWLEDGED: "acknowledged",
    Result.UNACKNOWLEDGED: "unacknowledged",
    Result.RESOLVED: "resolved",
    Result.OPENED_RESOLVED: "resolved",
    Result.IGNORED: "ignored",
}


@dataclass(frozen=True, slots=True)
class Received:
    """What an event said, and what was done: *action_taken* is created, deduplicated, acknowledged, unacknowledged, resolved,
    linked (it is about an incident of ours) or ignored, with the *reason*."""

    event_type: str
    pd_incident_id: str | None
    incident_id: int | None
    action_taken: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """The part of a body that says whose incident it is about."""

    id: str
    type: str
    pd_incident_id: str | None
    key: str
    agent: str

    @classmethod
    def of(cls, value: Any) -> Event:
        """Whatever is not there, or of another type, is empty: the parser has the say about what must be."""
        event = _mapping(value, "event")
        data = _mapping(event, "data")
        # A note or a responder carries its incident inside.
        about = data if data.get("type") in (None, "incident") else _mapping(data, "incident")
        return cls(
            _text(event, "id"),
            _text(event, "event_type").lower(),
            _text(about, "id") or None,
            _text(about, "incident_key"),
            _text(_mapping(event, "agent"), "summary"),
        )


def shown(received: Received) -> dict[str, object]:
    """The contract's answer."""
    return {
        "ok": True,
        "event_type": received.event_type,
        "pd_incident_id": received.pd_incident_id,
        "local_incident_id": ids.incident_id(received.incident_id) if received.incident_id is not None else None,
        "action_taken": received.action_taken,
        **({"reason": received.reason} if received.reason else {}),
    }


def receive(*, workspace_id: int, body: bytes, now: datetime, encoding: str = "") -> Received:
    """One event, or an array of them, of which the last one's answer is told. A repetition of one (by its id) changes nothing.

    *encoding* is the ``Content-Encoding``. Raises ``UnparsableBody`` and ``InvalidInput`` for what can't be understood; the body
    is kept as a dead letter then.
    """
    source = directory.refresh_if_old().default_sources.get((workspace_id, SourceKind.PAGERDUTY))
    if source is None:
        raise NotFound("The workspace has no source for PagerDuty")
    try:
        body = inflated(body, encoding, settings.AIOPS_MAX_BODY_BYTES)
        value = load(body)
        bodies = [dump(item) for item in value] if isinstance(value, list) and value else [body]
    except InvalidInput as error:
        _keep(source, body, error, now)
        raise
    taken: list[Received] = []
    refused: list[InvalidInput] = []
    for one in bodies:
        try:
            taken.append(_receive(source, one, now))
        except InvalidInput as error:
            _keep(source, one, error, now)
            refused.append(error)
    if not taken:
        raise refused[0]
    return taken[-1]


def _keep(source: KnownSource, body: bytes, error: InvalidInput, now: datetime) -> None:
    what = (SourceKind.PAGERDUTY, now, "application/json", error.message, error.field, body)
    keep(Letter(source.workspace_id, source.pk, *what))


def _receive(source: KnownSource, body: bytes, now: datetime) -> Received:
    workspace_id = source.workspace_id
    signals = SOURCES[SourceKind.PAGERDUTY](body, now)
    event = Event.of(load(body))
    with transaction.atomic():
        if event.id and not first_time(_digest(workspace_id, event.id), "PagerDuty", now):
            return Received(event.type, event.pd_incident_id, None, "ignored", "this event was seen before")
        ours = _ours(event.key, workspace_id)
        if ours is not None:
            return _mirror(event, ours, now)
        return _ingest(event, signals, source, now)


def _mirror(event: Event, incident: Incident, now: datetime) -> Received:
    """Do here what was done there, without an echo."""
    verb = VERBS.get(event.type)
    if verb is None:
        return Received(event.type, event.pd_incident_id, incident.pk, "linked")
    label = f"{event.agent[:200]} in PagerDuty" if event.agent else "PagerDuty"
    actor = Actor(ActorKind.SOURCE, "pagerduty", label, roles=((incident.workspace_id, Role.OPERATOR),))
    action, act = verb
    try:
        act(actor=actor, incident_id=incident.pk, now=now)
    except Conflict:
        return Received(event.type, event.pd_incident_id, incident.pk, "ignored", HERE)
    echoes = Delivery.objects.filter(
        incident=incident,
        episode=incident.episode,
        kind=ChannelKind.PAGERDUTY,
        purpose=Purpose.STAND_DOWN,
        state__in=WAITING,
    )
    echoes.update(state=DeliveryState.SUPPRESSED, reason="it was done in PagerDuty")
    return Received(event.type, event.pd_incident_id, incident.pk, action)


def _ingest(event: Event, signals: list[Signal], source: KnownSource, now: datetime) -> Received:
    if not signals:
        return Received(event.type, event.pd_incident_id, None, "ignored", "this event says nothing about a state")
    service = directory.current().service_for(source, signals[0].service)
    if service is None:
        raise NotFound("The workspace has no service")
    outcome = submit(source, signals[:1], now, service=service)[0]
    return Received(event.type, event.pd_incident_id, outcome.incident_id, ACTION_TAKEN[outcome.result], outcome.reason)


def _ours(key: str, workspace_id: int) -> Incident | None:
    """The incident that we sent to PagerDuty under *key*, in the episode that it is still in."""
    found = OWN_KEY.fullmatch(key)
    if found is None:
        return None
    incident_id, episode = int(found[1], 16), int(found[2])
    sent = Delivery.objects.filter(
        workspace_id=workspace_id, incident_id=incident_id, episode=episode, kind=ChannelKind.PAGERDUTY
    )
    delivery = sent.select_related("incident").first()
    incident = delivery.incident if delivery else None
    return incident if incident is not None and incident.episode == episode else None


def _resolve(*, actor: Actor, incident_id: int, now: datetime) -> Incident:
    return incidents.resolve(actor=actor, incident_id=incident_id, now=now, resolution="Resolved in PagerDuty")


VERBS: dict[str, tuple[str, Callable[..., Incident]]] = {
    "incident.acknowledged": ("acknowledged", incidents.acknowledge),
    "incident.unacknowledged": ("unacknowledged", incidents.unacknowledge),
    "incident.resolved": ("resolved", _resolve),
}


def _digest(workspace_id: int, event_id: str) -> str:
    return hashlib.sha256(f"pagerduty:{workspace_id}:{event_id}".encode("utf-8", "replace")).hexdigest()


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    return found.replace("\0", "").encode("utf-8", "replace").decode()[:500] if isinstance(found, str) else ""
