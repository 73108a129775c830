"""The client dialect's words."""

from __future__ import annotations

from incidents.api import states
from incidents.choices import Severity

SEVERITIES: dict[Severity, str] = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "high",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
    Severity.INFO: "info",
}

STATES: states.Table = (
    (states.ENDED_FACT, "resolved"),
    (states.TAKEN, "acknowledged"),
    (states.ANY, "open"),
)
