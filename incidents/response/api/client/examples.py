"""Examples of the client API's bodies for the OpenAPI page, of the shapes that its contract shows."""

from __future__ import annotations

from typing import Any

ITEM: dict[str, Any] = {
    "id": "inc-a1b2c3d4",
    "title": "High CPU on payments-api",
    "severity": "critical",
    "source": "prometheus",
    "state": "open",
    "namespace": "production",
    "pod": "payments-api-7d8f9c6b5-x2k4m",
    "deployment": "payments-api",
    "created_at": "2025-01-15T10:30:00Z",
    "resolved_at": None,
    "workspace_id": "ws-acme",
}
DETAIL: dict[str, Any] = {
    **ITEM,
    "name": "INC-20250115-001",
    "description": "CPU usage > 90% for 5 minutes",
    "service": "payments",
    "occurrences": 4,
    "last_seen_at": "2025-01-15T10:33:10Z",
    "acknowledged_at": None,
    "acknowledged_by": "",
    "snoozed_until": None,
    "resolved_by": "",
    "resolution": "",
    "labels": {"team": "payments"},
}
LISTED = {"incidents": [ITEM], "count": 1}
ONE = {
    "incident": DETAIL,
    "metrics": {"time_to_first_response_minutes": 2.5, "resolution_time_minutes": None, "actions_taken": 0},
    "actions": [],
}


def changed(**facts: Any) -> dict[str, Any]:
    """The answer to an action, with what it changed."""
    return {"ok": True, "incident": DETAIL | facts}


TAKEN = {"state": "acknowledged", "acknowledged_at": "2025-01-15T10:32:30Z", "acknowledged_by": "dave"}
OVER = {
    "state": "resolved",
    "resolved_at": "2025-01-15T11:05:00Z",
    "resolved_by": "dave",
    "resolution": "Rolled back v2.4.0",
}
NOTE = {"content": "The new release allocates twice as much", "author": "dave", "created_at": "2025-01-15T10:40:00Z"}
TIMELINE = {
    "incident_id": "inc-a1b2c3d4",
    "events": [
        {
            "event_type": "alert_received",
            "actor": "webhook:prometheus",
            "payload": {"source": "prometheus", "severity": "critical"},
            "created_at": "2025-01-15T10:30:00Z",
        },
        {
            "event_type": "incident_created",
            "actor": "system",
            "payload": {"title": "High CPU on payments-api"},
            "created_at": "2025-01-15T10:30:00Z",
        },
    ],
    "count": 2,
}
DEAD_LETTERS = {
    "entries": [
        {
            "payload": {"description": "no title"},
            "source": "webhook",
            "error": "title: is missing; a generic alert needs one",
            "timestamp": "2025-01-15T10:30:00Z",
        }
    ],
    "count": 1,
}
