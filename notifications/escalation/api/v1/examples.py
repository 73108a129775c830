"""Examples of the bodies of v1's paging resources for the OpenAPI page."""

from __future__ import annotations

from typing import Any

METADATA = {
    "name": "critical-policy",
    "namespace": "default",
    "uid": "pol-00000007",
    "createdAt": "2026-03-01T09:00:00Z",
    "creationTimestamp": "2026-03-01T09:00:00Z",
}
POLICY: dict[str, Any] = {
    "name": "critical-policy",
    "severities": ["critical"],
    "defaultPolicy": False,
    "enabled": True,
    "levels": [
        {
            "name": "L1-OnCall",
            "timeoutMinutes": 15,
            "repeatIntervalMinutes": 5,
            "notifyChannels": ["#noc"],
            "targets": [{"type": "oncall", "name": "primary"}],
        },
        {"name": "L2-SeniorSRE", "timeoutMinutes": 15, "targets": [{"type": "user", "name": "eve"}]},
    ],
}
SPEC: dict[str, Any] = {
    "description": "",
    "enabled": True,
    "defaultPolicy": False,
    "severities": ["critical"],
    "levels": [
        {
            "name": "L1-OnCall",
            "timeoutMinutes": 15,
            "targets": [{"type": "oncall", "name": "primary"}, {"type": "channel", "name": "#noc"}],
            "notifyChannels": ["#noc"],
            "repeatIntervalMinutes": 5,
            "repeatTimes": 2,
            "conditions": {},
            "otherwise": "skip",
            "urgency": "auto",
        }
    ],
    "initialDelayMinutes": 0,
    "repeat": 0,
    "acknowledgeMinutes": None,
    "fallbackChannels": [],
    "stopAfterMinutes": None,
    "stopBelowSeverity": None,
}
STATUS: dict[str, Any] = {
    "version": 3,
    "activeEscalations": [
        {
            "issueName": "INC-20260319-001",
            "currentLevel": 0,
            "escalatedAt": "2026-03-19T14:30:01Z",
            "acknowledgedAt": None,
            "acknowledgedBy": None,
        }
    ],
    "totalEscalations": 41,
}
POLICY_OUT = {
    "apiVersion": "v1",
    "kind": "EscalationPolicy",
    "metadata": METADATA,
    "resourceMeta": METADATA,
    "spec": SPEC,
    "status": STATUS,
}
POLICY_ITEM = {
    **SPEC,
    **{key: METADATA[key] for key in ("name", "namespace", "uid", "creationTimestamp")},
    "status": STATUS,
}

ROUTE: dict[str, Any] = {
    "name": "payments-critical",
    "severities": ["critical"],
    "service": "payments",
    "channels": ["slack"],
}
RULE: dict[str, Any] = {
    "enabled": True,
    "position": 0,
    "severities": ["critical"],
    "service": "payments",
    "team": None,
    "matchLabels": {},
    "window": None,
    "channels": ["slack"],
    "destinations": ["#noc"],
}
ROUTE_METADATA = {"name": "payments-critical", "namespace": "default", "uid": "rte-00000003"}
ROUTE_OUT = {
    "apiVersion": "v1",
    "kind": "NotificationPolicy",
    "metadata": ROUTE_METADATA,
    "resourceMeta": ROUTE_METADATA,
    "spec": RULE,
}
ROUTE_ITEM = {**RULE, **ROUTE_METADATA}


def deleted(name: str) -> dict[str, Any]:
    """The answer to a removal."""
    return {"apiVersion": "v1", "kind": "Status", "status": "deleted", "name": name}


NOTIFICATION: dict[str, Any] = {
    "name": "dlv-0000002a",
    "purpose": "page",
    "channel": "sms",
    "destination": None,
    "recipient": "Dave",
    "level": 0,
    "state": "delivered",
    "reason": "",
    "attempts": 1,
    "maybeTwice": False,
    "createdAt": "2026-03-19T14:30:00Z",
    "sentAt": "2026-03-19T14:30:01Z",
    "deliveredAt": "2026-03-19T14:30:03Z",
    "readAt": None,
}
ESCALATION: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "IncidentEscalation",
    "metadata": {"name": "INC-20260319-001", "namespace": "production"},
    "spec": {"policy": "critical-policy", "version": 3, "levels": ["L1-OnCall", "L2-SeniorSRE"]},
    "status": {
        "state": "active",
        "reason": "",
        "currentLevel": 0,
        "levelName": "L1-OnCall",
        "startedAt": "2026-03-19T14:30:00Z",
        "escalatedAt": "2026-03-19T14:30:01Z",
        "nextStepAt": "2026-03-19T14:45:00Z",
        "nextStep": "If nobody acknowledges by 14:45 UTC: Eve is paged.",
        "acknowledgedAt": None,
        "acknowledgedBy": None,
    },
}
