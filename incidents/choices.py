"""Enumerations of the incident core, each value with its label: status, severity, priority, kinds of source and of
timeline entry.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import models


class Status(models.TextChoices):
    """The one status of an incident (what may follow what: ``lifecycle.py``)."""

    OPEN = "open", "Open"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    INVESTIGATING = "investigating", "Investigating"
    RESOLVED = "resolved", "Resolved"
    CLOSED = "closed", "Closed"


LIVE = (Status.OPEN, Status.ACKNOWLEDGED, Status.INVESTIGATING)
ENDED = (Status.RESOLVED, Status.CLOSED)


class Severity(models.IntegerChoices):
    """How bad it is; numbers, so that the database can take the worst of two."""

    INFO = 1, "Info"
    LOW = 2, "Low"
    MEDIUM = 3, "Medium"
    HIGH = 4, "High"
    CRITICAL = 5, "Critical"

    @property
    def word(self) -> str:
        """The severity as our own texts and URLs write it."""
        return self.name.lower()


class Priority(models.IntegerChoices):
    """How soon somebody must answer (``RESPONSE``)."""

    P1 = 1, "P1"
    P2 = 2, "P2"
    P3 = 3, "P3"
    P4 = 4, "P4"


# The priority of an incident whose service has no default priority.
PRIORITY_OF = {
    Severity.CRITICAL: Priority.P1,
    Severity.HIGH: Priority.P2,
    Severity.MEDIUM: Priority.P3,
    Severity.LOW: Priority.P4,
    Severity.INFO: Priority.P4,
}
# The time within which somebody must answer; zero: at once.
RESPONSE = {
    Priority.P1: timedelta(0),
    Priority.P2: timedelta(hours=1),
    Priority.P3: timedelta(hours=4),
    Priority.P4: timedelta(hours=24),
}


class Automation(models.TextChoices):
    """How far automatic repair has come, beside the status and never mixed with it."""

    IDLE = "idle", "Idle"
    ANALYZING = "analyzing", "Analyzing"
    REMEDIATING = "remediating", "Remediating"
    CONTAINED = "contained", "Contained"
    EXHAUSTED = "exhausted", "Exhausted"


class SourceKind(models.TextChoices):
    """Whose words a source speaks (parsers: ``sources/``)."""

    WEBHOOK = "webhook", "Generic webhook"
    ALERTMANAGER = "alertmanager", "Alertmanager"
    PROMETHEUS = "prometheus", "Prometheus"
    PAGERDUTY = "pagerduty", "PagerDuty webhook"
    EVENTS = "events", "Events API"
    INTERNAL = "internal", "The platform itself"


class SignalAction(models.TextChoices):
    TRIGGER = "trigger", "Trigger"
    ACKNOWLEDGE = "acknowledge", "Acknowledge"
    UNACKNOWLEDGE = "unacknowledge", "Give back"
    RESOLVE = "resolve", "Resolve"


class Result(models.TextChoices):
    """What became of a signal."""

    OPENED = "opened", "Opened an incident"
    REPEATED = "repeated", "Counted on a live incident"
    ACKNOWLEDGED = "acknowledged", "Acknowledged an incident"
    UNACKNOWLEDGED = "unacknowledged", "Gave an acknowledged incident back"
    RESOLVED = "resolved", "Resolved an incident"
    OPENED_RESOLVED = "opened_resolved", "Opened an incident that its resolve had overtaken"
    IGNORED = "ignored", "Changed nothing"


class EntryKind(models.TextChoices):
    """The kinds of timeline entry that the core itself writes; upper apps register theirs (``timeline.py``)."""

    ALERT_RECEIVED = "alert_received", "Alert received"
    INCIDENT_CREATED = "incident_created", "Incident opened"
    SEVERITY_RAISED = "severity_raised", "Severity raised"
    STATUS_CHANGED = "status_changed", "Status changed"
    NOTE_ADDED = "note_added", "Note"
    SNOOZED = "snoozed", "Snoozed"
    UNSNOOZED = "unsnoozed", "Woken"
    ASSIGNED = "assigned", "Assigned"
    PRIORITY_SET = "priority_set", "Priority set"
    ESCALATED = "escalated", "Escalated"
