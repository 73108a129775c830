"""Words of the dashboard dialect: its names for our severities. Its statuses are ours."""

from __future__ import annotations

from incidents.choices import Severity, Status

SEVERITIES: dict[Severity, str] = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "warning",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
    Severity.INFO: "info",
}

STATUSES: dict[Status, str] = {
    Status.OPEN: "open",
    Status.ACKNOWLEDGED: "acknowledged",
    Status.INVESTIGATING: "investigating",
    Status.RESOLVED: "resolved",
    Status.CLOSED: "closed",
}
