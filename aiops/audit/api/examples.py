"""Examples of v1's audit for the OpenAPI page."""

from __future__ import annotations

from typing import Any

ITEM: dict[str, Any] = {
    "id": "4711",
    "name": "audit-4711",
    "namespace": "production",
    "timestamp": "2026-03-19T16:45:00Z",
    "creationTimestamp": "2026-03-19T16:45:00Z",
    "action": "incident.resolve",
    "eventType": "issue_resolved",
    "severity": "info",
    "user": "dave",
    "role": "operator",
    "actorType": "user",
    "actorName": "dave",
    "resource": "INC-20260319-001",
    "resourceType": "incident",
    "resourceKind": "incident",
    "resourceName": "INC-20260319-001",
    "resourceId": "42",
    "resourceNamespace": "production",
    "correlationId": "inc-0000002a",
    "detail": "status=resolved; resolved_by=dave; resolution=Memory leak fixed in v2.4.1",
    "details": {
        "before": {"status": "acknowledged", "resolved_by": "", "resolution": ""},
        "after": {"status": "resolved", "resolved_by": "dave", "resolution": "Memory leak fixed in v2.4.1"},
    },
    "sourceIP": "192.0.2.7",
    "userAgent": "curl/8.5.0",
    "door": "v1",
}
LIST = {
    "apiVersion": "v1",
    "kind": "AuditLogList",
    "metadata": {"totalCount": 1, "page": 1, "pageSize": 20},
    "items": [ITEM],
}
EXPORT = {
    "apiVersion": "v1",
    "kind": "AuditEventExport",
    "exportedAt": "2026-03-20T08:00:00Z",
    "totalCount": 1,
    "items": [ITEM],
}
