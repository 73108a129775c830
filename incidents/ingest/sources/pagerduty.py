"""Parser of PagerDuty's v3 webhooks: ``{"event": {"event_type", "occurred_at", "data": {…the incident…}}}``, one event
for each body.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiops.kernel.errors import InvalidInput, UnparsableBody
from incidents.choices import Severity, SignalAction
from incidents.contracts import Signal
from incidents.ingest.sources import identity, severity
from incidents.ingest.sources.body import require_object, type_name
from incidents.ingest.sources.reading import NAME, TITLE, WORD, Fields, clean, line, links, plain

ACTIONS: dict[str, SignalAction] = {
    "incident.triggered": SignalAction.TRIGGER,
    "incident.reopened": SignalAction.TRIGGER,
    "incident.unacknowledged": SignalAction.UNACKNOWLEDGE,
    "incident.acknowledged": SignalAction.ACKNOWLEDGE,
    "incident.resolved": SignalAction.RESOLVE,
}
# Events that PagerDuty sends and that say nothing about the state of an incident: accepted, and nothing follows.
SILENT = frozenset(
    (
        "incident.action_invocation.created", "incident.action_invocation.terminated", "incident.action_invocation.updated",
        "incident.annotated", "incident.conference_bridge.updated", "incident.custom_field_values.updated", "incident.delegated",
        "incident.escalated", "incident.incident_type.changed", "incident.priority_updated", "incident.reassigned",
        "incident.responder.added", "incident.responder.replied", "incident.role.assigned", "incident.service_updated",
        "incident.status_update_published", "incident.task.completed", "incident.task.created", "incident.task.updated",
        "incident.workflow.completed", "incident.workflow.started", "pagey.ping", "service.created",
        "service.custom_field_values.updated", "service.deleted", "service.updated",
    )
)  # fmt: skip
EVENT_ID = 500  # characters
URGENCIES = {"high": Severity.HIGH, "low": Severity.LOW}


def read(body: Mapping[str, Any], raw: bytes) -> list[Signal]:
    """One signal, or none for an event that says nothing about state; raises :class:`InvalidInput` for an unknown event."""
    event = Fields(require_object(body.get("event"), "event"), "event.")
    event_type = event.data.get("event_type")
    if not isinstance(event_type, str):
        raise InvalidInput(f"event.event_type: expected a text, got {type_name(event_type)}.", field="event.event_type")
    event_type = event_type.lower()
    if event_type in SILENT:
        return []
    if event_type not in ACTIONS:
        raise UnparsableBody(
            f"event.event_type: unsupported event “{line(event_type, WORD)}”.",
            field="event.event_type",
            details=f"Supported: {', '.join(ACTIONS)}.",
        )
    return [_read(event, event_type, raw)]


def _read(event: Fields, event_type: str, raw: bytes) -> Signal:
    data = Fields(require_object(event.data.get("data"), "event.data"), "event.data.", event.warnings)
    incident_id = data.data.get("id")
    key = identity.named(plain(incident_id)) if isinstance(incident_id, str) else ""
    if not key:
        got = "a blank one" if isinstance(incident_id, str) else type_name(incident_id)
        raise InvalidInput(f"event.data.id: expected a non-blank text, got {got}.", field="event.data.id")

    service = data.child("service")
    grade = _severity(data)
    if grade.warning:
        event.warn(grade.warning)
    labels = {
        name: value
        for name, value in (
            ("urgency", data.line("urgency")),
            ("priority", data.child("priority").line("summary", "name")),
            ("escalation_policy", data.child("escalation_policy").line("summary")),
            ("number", data.line("number")),
        )
        if value
    }
    # Only the first trigger has a start: a reopened incident still carries it. What came after what, ``occurred_at`` tells.
    started_at = data.instant("created_at") if event_type == "incident.triggered" else None
    return Signal(
        action=ACTIONS[event_type],
        dedup_key=key,
        dedup_strategy=identity.INCIDENT_ID,
        title=data.line("title", "summary", "description", limit=TITLE) or line(f"PagerDuty incident {key}", TITLE),
        description=data.text("description") or data.child("body").text("details"),
        severity=grade.severity,
        severity_word=grade.word,
        source="pagerduty",
        service=service.line("summary", "name", limit=NAME),
        labels=labels,
        links=links(((data.data.get("html_url"), "PagerDuty"),)),
        started_at=started_at,
        occurred_at=event.instant("occurred_at"),
        event_id=_event_id(event.data.get("id")),
        raw=raw,
        warnings=tuple(event.warnings),
    )


def _event_id(value: object) -> str:
    """The event's id, which every delivery of it has: PagerDuty delivers at least once. Bounded, and fit for a digest."""
    return clean(value)[:EVENT_ID] if isinstance(value, str) else ""


def _severity(data: Fields) -> severity.Reading:
    """The priority that people set, where its name is a known word, else the urgency; absent is medium."""
    priority = data.data.get("priority")
    if isinstance(priority, Mapping):
        ranked = severity.known(priority.get("summary")) or severity.known(priority.get("name"))
        if ranked is not None:
            return severity.Reading(ranked)
    urgency = data.data.get("urgency")
    if isinstance(urgency, str) and urgency.strip().lower() in URGENCIES:
        return severity.Reading(URGENCIES[urgency.strip().lower()])
    return severity.read((urgency,))
