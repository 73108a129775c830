"""A timeline entry in the shape of v1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiops.kernel.clock import rfc3339
from incidents.choices import PAGING, EntryKind, Status
from incidents.core.lifecycle import Action
from incidents.core.models import TimelineEntry
from incidents.response.api.facts import told
from incidents.response.api.v1 import vocab

Facts = dict[str, Any]


def event(entry: TimelineEntry) -> dict[str, Any]:
    """``{timestamp, type, source, message}`` and, where there is some, ``severity`` and ``details``."""
    facts = told(entry.data, vocab.SEVERITIES)
    shown: dict[str, Any] = {
        "timestamp": rfc3339(entry.at, timespec="seconds"),
        "type": _type(entry),
        "source": vocab.ENTRY_SOURCES.get(entry.kind, entry.actor_label),
        "message": _message(entry, facts),
    }
    if "severity" in facts:
        shown["severity"] = facts.pop("severity")
    if facts:
        shown["details"] = facts
    return shown


def _type(entry: TimelineEntry) -> str:
    if _is_given_back(entry):
        return vocab.GIVEN_BACK
    if entry.kind == EntryKind.STATUS_CHANGED and entry.to_status:
        return vocab.CHANGE_TYPES[Status(entry.to_status)]
    return vocab.ENTRY_TYPES.get(entry.kind, vocab.OTHER_ENTRY)


def _message(entry: TimelineEntry, facts: Facts) -> str:
    sentence = SENTENCES.get(entry.kind, _of_a_newer_version)
    said = sentence(entry, facts)
    return f"{said}: {entry.text}" if said and entry.text else said or entry.text


def _is_given_back(entry: TimelineEntry) -> bool:
    """Whether somebody gave an acknowledgement back, or it ran out: it never was over, so it did not open again."""
    return entry.kind == EntryKind.STATUS_CHANGED and entry.data.get("action") == Action.UNACKNOWLEDGE


def _status_changed(entry: TimelineEntry, facts: Facts) -> str:
    if _is_given_back(entry):
        reason = facts.get("reason")
        return f"Acknowledgement ended: {reason}" if reason else f"Acknowledgement given back by {entry.actor_label}"
    word = "Reopened" if entry.to_status == Status.OPEN else Status(entry.to_status).label
    return f"{word} by {facts.get('by') or entry.actor_label}"


def _of_a_newer_version(entry: TimelineEntry, facts: Facts) -> str:
    """A kind that this version does not know: one written by a newer version, before an upgrade has reached every process."""
    return str(facts.get("said") or entry.kind.replace("_", " ").capitalize())


SENTENCES: dict[str, Callable[[TimelineEntry, Facts], str]] = {
    EntryKind.ALERT_RECEIVED: lambda e, f: f"Alert received from {f.get('source') or e.actor_label}",
    EntryKind.INCIDENT_CREATED: lambda e, f: f"Incident opened: {f.get('title', '')}",
    EntryKind.SEVERITY_RAISED: lambda e, f: ": ".join(
        filter(None, [f"Severity raised to {f.get('severity', '')}", f.get("title")])
    ),
    EntryKind.STATUS_CHANGED: _status_changed,
    EntryKind.NOTE_ADDED: lambda e, f: "",
    EntryKind.SNOOZED: lambda e, f: f"Snoozed until {f.get('until', '')} by {f.get('by') or e.actor_label}",
    EntryKind.UNSNOOZED: lambda e, f: "Snooze ended",
    EntryKind.ASSIGNED: lambda e, f: f"Assigned to {f.get('assignee') or 'nobody'}",
    EntryKind.PRIORITY_SET: lambda e, f: f"Priority set from {f.get('from', '')} to {f.get('to', '')}",
    EntryKind.ESCALATED: lambda e, f: "Escalated",
    **dict.fromkeys(PAGING, lambda e, f: str(f.get("said") or EntryKind(e.kind).label)),
}
