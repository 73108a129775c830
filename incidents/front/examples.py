"""Examples of what senders post and read, for the OpenAPI page; the contracts' own."""

from __future__ import annotations

from typing import Any

ALERT: dict[str, Any] = {
    "title": "High CPU on payments-api",
    "description": "CPU usage > 90% for 5 minutes",
    "severity": "critical",
    "source": "prometheus",
    "namespace": "production",
    "pod": "payments-api-7d8f9c6b5-x2k4m",
    "deployment": "payments-api",
    "service": "payments-api",
}
TAKEN: dict[str, Any] = {
    "ok": True,
    "incident_id": "inc-a1b2c3d4",
    "deduplicated": False,
    "dedup_strategy": None,
    "group_id": None,
}
EVENT: dict[str, Any] = {
    "routing_key": "SERVICE_ROUTING_KEY",
    "event_action": "trigger",
    "dedup_key": "cpu-high",
    "payload": {"summary": "CPU usage above 90%", "source": "prometheus", "severity": "warning"},
}
EVENT_TAKEN: dict[str, Any] = {
    "status": "success",
    "result": {
        "action": "triggered",
        "dedup_key": "cpu-high",
        "incident": {"id": "inc-0000002a", "name": "INC-20260319-001", "status": "TRIGGERED"},
    },
}
ENQUEUED = {"status": "success", "message": "Event processed", "dedup_key": "cpu-high"}
PROMETHEUS = {
    "labels": {"alertname": "PodCrashLooping", "namespace": "production", "severity": "critical"},
    "annotations": {"summary": "Pod is crash looping"},
    "startsAt": "2026-03-19T14:30:00Z",
    "generatorURL": "http://prometheus:9090/graph",
}
