"""Words of the events dialect: its names for our states and severities, for the replies of ingest."""

from __future__ import annotations

from incidents.choices import Severity
from incidents.response.api import states

SEVERITIES: dict[Severity, str] = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
    Severity.INFO: "info",
}

STATES: states.Table = (
    (states.ENDED_FACT, "RESOLVED"),
    (states.SUPPRESSED, "SUPPRESSED"),
    (states.SNOOZED, "SNOOZED"),
    (states.TAKEN, "ACKNOWLEDGED"),
    (states.ESCALATED, "ESCALATED"),
    (states.ANY, "TRIGGERED"),
)
