"""Words of v1: its names for our states and severities. An acknowledged incident keeps its state and gets annotations."""

from __future__ import annotations

from incidents.choices import Automation, Severity, Status
from incidents.response.api import states

SEVERITIES: dict[Severity, str] = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "high",
    Severity.MEDIUM: "medium",
    Severity.LOW: "low",
    Severity.INFO: "info",
}

STATES: states.Table = (
    (states.ENDED_FACT, "Resolved"),
    (states.ESCALATED, "Escalated"),
    (states.automation(Automation.CONTAINED), "Contained"),
    (states.automation(Automation.REMEDIATING), "Remediating"),
    (states.automation(Automation.ANALYZING), "Analyzing"),
    (states.ANY, "Detected"),
)

# A state that v1 clients know and nothing reaches here: filters take it, and it is true of no incident.
NEVER = "Failed"

DEFAULT_NAMESPACE = "default"  # what Kubernetes clients call the absence of one

# A change of status is told by where it led.
CHANGE_TYPES: dict[Status, str] = {
    Status.OPEN: "Reopening",
    Status.ACKNOWLEDGED: "Acknowledgement",
    Status.INVESTIGATING: "Investigation",
    Status.RESOLVED: "Resolution",
    Status.CLOSED: "Closure",
}

# Open again without having been over: the acknowledgement was given back, or ran out.
GIVEN_BACK = "Unacknowledgement"
