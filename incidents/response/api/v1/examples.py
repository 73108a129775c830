"""Examples of v1's bodies for the OpenAPI page; the resolve and the errors are the contract's own."""

from __future__ import annotations

from typing import Any

from incidents.response.api.v1.annotations import PREFIX

NAME = "INC-20260319-001"
RESOURCE = {"kind": "Deployment", "name": "payment-service", "namespace": "production"}
RESOLUTION = "Memory leak fixed in payment-service v2.4.1 hotfix deployed manually. Verified stable for 15 minutes."
METADATA = {
    "name": NAME,
    "namespace": "production",
    "uid": "inc-0000002a",
    "createdAt": "2026-03-19T14:30:00Z",
    "creationTimestamp": "2026-03-19T14:30:00Z",
    "labels": {"app": "payment-service"},
    "annotations": {
        PREFIX + "acknowledged": "true",
        PREFIX + "acknowledged-at": "2026-03-19T14:34:00Z",
        PREFIX + "acknowledged-by": "dave",
    },
}
INCIDENT: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Incident",
    "metadata": METADATA,
    "resourceMeta": METADATA,
    "spec": {
        "resourceRef": RESOURCE,
        "severity": "critical",
        "signalType": "oom_kill",
        "title": "payment-service is out of memory",
        "description": "3 of 4 pods were killed within five minutes",
        "source": "prometheus",
        "service": "payments",
        "priority": "P1",
        "assignedTo": None,
    },
    "status": {
        "state": "Detected",
        "resolution": None,
        "resolvedAt": None,
        "detectedAt": "2026-03-19T14:30:00Z",
        "remediationAttempts": 0,
        "escalatedAt": None,
        "acknowledged": True,
        "acknowledgedBy": "dave",
        "acknowledgedAt": "2026-03-19T14:34:00Z",
        "message": "Looking at the heap dumps",
        "snoozed": False,
        "snoozedBy": None,
        "snoozedAt": None,
        "snoozeUntil": None,
        "snoozeReason": None,
        "occurrences": 4,
        "lastSeenAt": "2026-03-19T14:33:10Z",
    },
}
RESOLVED: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Incident",
    "metadata": {
        "name": NAME,
        "namespace": "production",
        "annotations": {
            PREFIX + "resolved-by": "operator",
            PREFIX + "resolved-at": "2026-03-19T16:45:00Z",
            PREFIX + "manual-resolution": "true",
        },
    },
    "spec": {"resourceRef": RESOURCE, "severity": "critical", "signalType": "oom_kill"},
    "status": {
        "state": "Resolved",
        "resolution": RESOLUTION,
        "resolvedAt": "2026-03-19T16:45:00Z",
        "detectedAt": "2026-03-19T14:30:00Z",
        "remediationAttempts": 3,
        "escalatedAt": "2026-03-19T15:15:00Z",
    },
}
ITEM: dict[str, Any] = {
    "name": NAME,
    "namespace": "production",
    "uid": "inc-0000002a",
    "severity": "critical",
    "state": "Detected",
    "resource": "Deployment/payment-service",
    "resourceRef": RESOURCE,
    "signalType": "oom_kill",
    "source": "prometheus",
    "title": "payment-service is out of memory",
    "description": "3 of 4 pods were killed within five minutes",
    "detectedAt": "2026-03-19T14:30:00Z",
    "resolvedAt": None,
    "resolution": None,
    "escalatedAt": None,
    "age": "5m",
    "assignedTo": None,
    "remediationAttempts": 0,
    "occurrences": 4,
    "creationTimestamp": "2026-03-19T14:30:00Z",
    "labels": {"app": "payment-service"},
    "annotations": METADATA["annotations"],
}


def listed(kind: str, *items: dict[str, Any]) -> dict[str, Any]:
    """A page with *items*, of a list that holds no more."""
    metadata = {"totalCount": len(items), "page": 1, "pageSize": 20}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, "items": list(items)}


TIMELINE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "IncidentTimeline",
    "metadata": {"name": NAME, "namespace": "production", "eventCount": 2},
    "events": [
        {
            "timestamp": "2026-03-19T14:30:00Z",
            "type": "Detection",
            "source": "system",
            "message": "Incident opened",
            "severity": "critical",
        },
        {
            "timestamp": "2026-03-19T14:34:00Z",
            "type": "Acknowledgement",
            "source": "dave",
            "message": "Looking at the heap dumps",
        },
    ],
}
