"""A timeline entry as v1 tells it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiops.kernel.clock import rfc3339
from incidents.api.v1 import vocab
from incidents.choices import EntryKind, Status
from incidents.models import TimelineEntry


def event(entry: TimelineEntry) -> dict[str, Any]:
    """``{timestamp, type, source, message}`` and, where there is some, ``severity`` and ``details``."""
    kind = EntryKind(entry.kind)
    changed = kind == EntryKind.STATUS_CHANGED and entry.to_status
    told: dict[str, Any] = {
        "timestamp": rfc3339(entry.at, timespec="seconds"),
        "type": vocab.CHANGE_TYPES[Status(entry.to_status)] if changed else vocab.ENTRY_TYPES[kind],
        "source": entry.actor_label,
        "message": _message(kind, entry),
    }
    if "severity" in entry.data:
        told["severity"] = entry.data["severity"]
    if details := {name: value for name, value in entry.data.items() if name != "severity"}:
        told["details"] = details
    return told


def _message(kind: EntryKind, entry: TimelineEntry) -> str:
    said = SENTENCES[kind](entry)
    return f"{said}: {entry.text}" if said and entry.text else said or entry.text


def _status_changed(entry: TimelineEntry) -> str:
    word = "Reopened" if entry.to_status == Status.OPEN else Status(entry.to_status).label
    return f"{word} by {entry.data.get('by') or entry.actor_label}"


SENTENCES: dict[EntryKind, Callable[[TimelineEntry], str]] = {
    EntryKind.ALERT_RECEIVED: lambda e: f"Alert received from {e.data.get('source') or e.actor_label}",
    EntryKind.INCIDENT_CREATED: lambda e: f"Incident opened: {e.data.get('title', '')}",
    EntryKind.SEVERITY_RAISED: lambda e: f"Severity raised to {e.data.get('severity', '')}",
    EntryKind.STATUS_CHANGED: _status_changed,
    EntryKind.NOTE_ADDED: lambda e: "",
    EntryKind.SNOOZED: lambda e: f"Snoozed until {e.data.get('until', '')} by {e.data.get('by') or e.actor_label}",
    EntryKind.UNSNOOZED: lambda e: "Snooze ended",
    EntryKind.ASSIGNED: lambda e: (
        f"Assigned to {e.data['assignee']}" if e.data.get("assignee") else "Assigned to nobody"
    ),
    EntryKind.PRIORITY_SET: lambda e: f"Priority set from {e.data.get('from', '')} to {e.data.get('to', '')}",
    EntryKind.ESCALATED: lambda e: "Escalated",
}
