"""Examples of the bodies below ``/notifications`` and ``/oncall`` for the OpenAPI page, of the shapes that the contract shows."""

from __future__ import annotations

from typing import Any

ROUTE_IN: dict[str, Any] = {
    "name": "Critical incidents of payments",
    "severities": ["critical"],
    "service": "payments",
    "channels": ["slack"],
}
ROUTE: dict[str, Any] = {
    "id": 3,
    "name": "Critical incidents of payments",
    "enabled": True,
    "position": 0,
    "severities": ["critical"],
    "service": "payments",
    "team": None,
    "labels": {},
    "window": {},
    "channels": ["slack"],
    "destinations": [{"id": 5, "channel": "slack", "label": "#noc"}],
}
ROUTES: dict[str, Any] = {
    "default_rules": {
        "critical": ["slack", "pagerduty", "email"],
        "high": ["slack", "email"],
        "warning": ["slack"],
        "info": ["log"],
    },
    "service_overrides": {"payments": {"critical": ["slack", "pagerduty", "email", "teams"]}},
    "registered_adapters": ["email", "pagerduty", "slack", "teams"],
    "routes": [ROUTE],
}
TRIED: dict[str, Any] = {
    "route": "Critical incidents of payments",
    "route_id": 3,
    "matched": True,
    "why_not": "",
    "destinations": [{"id": 5, "channel": "slack", "label": "#noc", "problem": ""}],
}
DRY_RUN: dict[str, Any] = {"service": "payments", "severity": "critical", "routes": [TRIED], "told": ["#noc"]}
TEST: dict[str, Any] = {
    "ok": True,
    "severity": "critical",
    "service": "payments",
    "message": "Test alert",
    "deliveries": [
        {
            "id": "dlv-0000002a",
            "channel": "slack",
            "destination": "#noc",
            "state": "sent",
            "reason": "",
            "sent_at": "2025-01-15T10:30:01Z",
            "delivered_at": None,
        }
    ],
    "routes": [TRIED],
    "left_out": 0,
    "warnings": [],
}
ESCALATION: dict[str, Any] = {
    "service": "payments",
    "severity": "critical",
    "policy": "Payments",
    "minutes_elapsed": 45,
    "current_tier": 2,
    "current_level": "L2-SeniorSRE",
    "announced": [{"who": "#noc", "via": "#noc", "channel": "slack", "minutes": 0, "note": "by a route"}],
    "tiers": [
        {
            "tier": 1,
            "name": "L1-OnCall",
            "after_minutes": 0,
            "reached": True,
            "contacts": [{"who": "dave", "via": "+1555…", "channel": "sms", "minutes": 0, "note": ""}],
            "note": "",
        }
    ],
    "next": {"tier": 3, "name": "L3-Management", "in_minutes": 15},
    "end": {"what": "exhausted", "after_minutes": 120, "fallback": [], "note": ""},
    "warnings": [],
}
ON_CALL: dict[str, Any] = {
    "service": "payments",
    "oncall": "dave",
    "team": "payments-team",
    "escalation_contact": "eve",
    "week_number": 3,
    "rotation_index": 1,
}
PAGERDUTY_EVENT: dict[str, Any] = {
    "event": {
        "event_type": "incident.triggered",
        "data": {
            "id": "PD12345",
            "title": "Service degraded",
            "urgency": "high",
            "service": {"summary": "api-gateway"},
        },
    }
}
PAGERDUTY_ANSWER: dict[str, Any] = {
    "ok": True,
    "event_type": "incident.triggered",
    "pd_incident_id": "PD12345",
    "local_incident_id": "inc-a1b2c3d4",
    "action_taken": "created",
}
