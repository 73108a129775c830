"""Examples of the dashboard's bodies for the OpenAPI page, of the shapes that its contract shows."""

from __future__ import annotations

from typing import Any

INCIDENT: dict[str, Any] = {
    "_id": "inc-0000002a",
    "name": "INC-20260301-001",
    "title": "High Error Rate",
    "ruleId": "rule_xyz",
    "ruleName": "High Error Rate",
    "metric": "model_usage_error_rate",
    "threshold": 5.0,
    "actualValue": 12.3,
    "severity": "critical",
    "status": "acknowledged",
    "assignedTo": "user_1",
    "notes": [
        {
            "userId": "user_1",
            "userEmail": "admin@example.com",
            "userName": "admin",
            "content": "Investigating upstream provider issues",
            "createdAt": "2026-03-01T10:30:00.000Z",
        }
    ],
    "statusHistory": [
        {"status": "open", "changedBy": "system", "changedAt": "2026-03-01T10:00:00.000Z"},
        {"status": "acknowledged", "changedBy": "user_1", "changedAt": "2026-03-01T10:15:00.000Z"},
    ],
    "firedAt": "2026-03-01T10:00:00.000Z",
    "acknowledgedAt": "2026-03-01T10:15:00.000Z",
    "resolvedAt": None,
    "resolvedBy": None,
    "closedAt": None,
    "createdAt": "2026-03-01T10:00:00.000Z",
    "updatedAt": "2026-03-01T10:30:00.000Z",
}
ONE = {"incident": INCIDENT}
LISTED = {"incidents": [INCIDENT], "openCount": 3}
