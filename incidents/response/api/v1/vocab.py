"""Words of v1: its names for our states and severities. An acknowledged incident keeps its state and gets annotations."""

from __future__ import annotations

from incidents.choices import PAGING, Automation, EntryKind, Severity, Status
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

OTHER_ENTRY = "Event"  # the type of an entry of a kind that this version does not know

ENTRY_TYPES: dict[str, str] = {
    EntryKind.ALERT_RECEIVED: "Alert",
    EntryKind.INCIDENT_CREATED: "Detection",
    EntryKind.SEVERITY_RAISED: "SeverityChange",
    EntryKind.STATUS_CHANGED: "StatusChange",
    EntryKind.NOTE_ADDED: "Note",
    EntryKind.SNOOZED: "Snooze",
    EntryKind.UNSNOOZED: "Unsnooze",
    EntryKind.ASSIGNED: "Assignment",
    EntryKind.PRIORITY_SET: "PriorityChange",
    EntryKind.ESCALATED: "Escalation",
    **dict.fromkeys(PAGING, "Escalation"),
    EntryKind.NOTIFICATION_SENT: "Notification",
    EntryKind.NOTIFICATION_FAILED: "Notification",
}

# Who tells it, where that is a part of the platform.
ENTRY_SOURCES: dict[str, str] = dict.fromkeys(PAGING, "notification-manager")

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
