"""A timeline entry in the shape of v1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from aiops.kernel.clock import rfc3339
from incidents.choices import EntryKind, Status
from incidents.core.lifecycle import Action
from incidents.core.models import TimelineEntry
from incidents.core.timeline import Entry, kind_of, sentence_of
from incidents.response.api.facts import translated
from incidents.response.api.v1 import vocab


def event(row: TimelineEntry) -> dict[str, Any]:
    """``{timestamp, type, source, message}`` and, where there is some, ``severity`` and ``details``."""
    entry = Entry.of(row)
    facts = translated(entry.data, vocab.SEVERITIES)
    entry = replace(entry, data=facts)
    shown: dict[str, Any] = {
        "timestamp": rfc3339(entry.at, timespec="seconds"),
        "type": _type(entry),
        "source": kind_of(entry.kind).v1_source or entry.actor_label,
        "message": _message(entry),
    }
    details = dict(facts)
    if "severity" in details:
        shown["severity"] = details.pop("severity")
    if details:
        shown["details"] = details
    return shown


def _type(entry: Entry) -> str:
    if _is_given_back(entry):
        return vocab.GIVEN_BACK
    if entry.kind == EntryKind.STATUS_CHANGED and entry.to_status:
        return vocab.CHANGE_TYPES[Status(entry.to_status)]
    return kind_of(entry.kind).v1_type


def _message(entry: Entry) -> str:
    said = SENTENCES.get(entry.kind, sentence_of)(entry)
    return f"{said}: {entry.text}" if said and entry.text else said or entry.text


def _is_given_back(entry: Entry) -> bool:
    """Whether somebody gave an acknowledgement back, or it ran out: it never was over, so it did not open again."""
    return entry.kind == EntryKind.STATUS_CHANGED and entry.data.get("action") == Action.UNACKNOWLEDGE


def _status_changed(entry: Entry) -> str:
    if _is_given_back(entry):
        reason = entry.data.get("reason")
        return f"Acknowledgement ended: {reason}" if reason else f"Acknowledgement given back by {entry.actor_label}"
    word = "Reopened" if entry.to_status == Status.OPEN else Status(entry.to_status).label
    return f"{word} by {entry.data.get('by') or entry.actor_label}"


# The core's kinds; those of other apps are told by the sentence that was registered with them.
SENTENCES: dict[str, Callable[[Entry], str]] = {
    EntryKind.ALERT_RECEIVED: lambda e: f"Alert received from {e.data.get('source') or e.actor_label}",
    EntryKind.INCIDENT_CREATED: lambda e: f"Incident opened: {e.data.get('title', '')}",
    EntryKind.SEVERITY_RAISED: lambda e: ": ".join(
        filter(None, [f"Severity raised to {e.data.get('severity', '')}", e.data.get("title")])
    ),
    EntryKind.STATUS_CHANGED: _status_changed,
    EntryKind.NOTE_ADDED: lambda e: "",
    EntryKind.SNOOZED: lambda e: f"Snoozed until {e.data.get('until', '')} by {e.data.get('by') or e.actor_label}",
    EntryKind.UNSNOOZED: lambda e: "Snooze ended",
    EntryKind.ASSIGNED: lambda e: f"Assigned to {e.data.get('assignee') or 'nobody'}",
    EntryKind.PRIORITY_SET: lambda e: f"Priority set from {e.data.get('from', '')} to {e.data.get('to', '')}",
    EntryKind.ESCALATED: lambda e: "Escalated",
}
