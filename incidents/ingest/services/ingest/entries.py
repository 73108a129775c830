"""Timeline entries of ingest, as rows for ``statements.RECORD``. Pure."""

from __future__ import annotations

from typing import Any

from aiops.access.actors import SYSTEM, ActorKind, ActorRef
from incidents.choices import EntryKind, Result, Severity, Status
from incidents.contracts import Arrival
from incidents.core.timeline import Entry
from incidents.ingest.services.ingest.trace import source_label


def source_ref(arrival: Arrival) -> ActorRef:
    """The source of a signal, as timelines and events name it."""
    return ActorRef(ActorKind.SOURCE, str(arrival.route.source_id), source_label(arrival))


def by_source(
    arrival: Arrival, pk: int, kind: EntryKind, data: dict[str, Any], from_status: str = "", to_status: str = ""
) -> Entry:
    """An entry of what the signal's source did, at its arrival."""
    return Entry.by(
        source_ref(arrival), pk, arrival.received_at, kind, from_status=from_status, to_status=to_status, data=data
    )


def opening(arrival: Arrival, pk: int, severity: Severity, result: Result) -> list[Entry]:
    """What the timeline says when *arrival* opened an incident (a repeat writes nothing)."""
    signal = arrival.signal
    received: dict[str, Any] = {"source": signal.source or arrival.route.source_kind, "severity": severity.word}
    if signal.severity_word:
        received["severity_word"] = signal.severity_word
    if signal.warnings:
        received["warnings"] = signal.warnings
    created = Entry.by(
        SYSTEM, pk, arrival.received_at, EntryKind.INCIDENT_CREATED, to_status=Status.OPEN, data={"title": signal.title}
    )
    entries = [by_source(arrival, pk, EntryKind.ALERT_RECEIVED, received), created]
    if result == Result.OPENED_RESOLVED:
        data = {"reason": "its resolve arrived before it"}
        entries.append(by_source(arrival, pk, EntryKind.STATUS_CHANGED, data, Status.OPEN, Status.RESOLVED))
    return entries
