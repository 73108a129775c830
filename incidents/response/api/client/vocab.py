"""Words of the client dialect: its names for our states and severities."""

from __future__ import annotations

from incidents.choices import Severity
from incidents.response.api import states

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
