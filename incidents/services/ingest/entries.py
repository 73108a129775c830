"""Pure: the rows that tell what ingest did: alerts and timeline entries, as the JSON of ``statements.RECORD``."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from aiops.access.actors import SYSTEM, Actor, ActorKind
from incidents.choices import EntryKind, Result, Severity, Status
from incidents.contracts import Arrival, Outcome
from incidents.services.ingest.trace import source_label, trace


def alert_row(outcome: Outcome) -> dict[str, Any]:
    """The alert of one arrival, but for its raw body."""
    arrival, signal = outcome.arrival, outcome.arrival.signal
    return {
        "id": arrival.id,
        "received_at": arrival.received_at,
        "workspace_id": arrival.route.workspace_id,
        "source_id": arrival.route.source_id,
        "service_id": arrival.route.service_id,
        "incident_id": outcome.incident_id,
        "action": signal.action,
        "result": outcome.result,
        "dedup_key": signal.dedup_key,
        "title": signal.title,
        "severity": signal.severity,
        "started_at": signal.started_at,
        "occurred_at": signal.occurred_at,
        "trace": trace(outcome),
    }


def entry(
    incident_id: int,
    at: datetime,
    kind: EntryKind,
    actor: Actor,
    data: dict[str, Any],
    from_status: str = "",
    to_status: str = "",
) -> dict[str, Any]:
    """One timeline entry."""
    return {
        "incident_id": incident_id,
        "at": at,
        "kind": kind,
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_label": actor.label,
        "from_status": from_status,
        "to_status": to_status,
        "data": data,
    }


def source_actor(arrival: Arrival) -> Actor:
    """The source as the one who did it."""
    return Actor(ActorKind.SOURCE, str(arrival.route.source_id), source_label(arrival))


def opening(arrival: Arrival, incident_id: int, severity: Severity, result: Result) -> Iterable[dict[str, Any]]:
    """What the timeline says when *arrival* opened an incident (a repeat writes nothing)."""
    signal, at, source = arrival.signal, arrival.received_at, source_actor(arrival)
    received: dict[str, Any] = {"source": signal.source or arrival.route.source_kind, "severity": severity.word}
    if signal.severity_word:
        received["severity_word"] = signal.severity_word
    if signal.warnings:
        received["warnings"] = signal.warnings
    yield entry(incident_id, at, EntryKind.ALERT_RECEIVED, source, received)
    yield entry(incident_id, at, EntryKind.INCIDENT_CREATED, SYSTEM, {"title": signal.title}, to_status=Status.OPEN)
    if result == Result.OPENED_RESOLVED:
        data = {"reason": "its resolve arrived before it"}
        yield entry(incident_id, at, EntryKind.STATUS_CHANGED, source, data, Status.OPEN, Status.RESOLVED)
