from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models

from aiops.access.models import Workspace
from aiops.audit.recording import Object
from incidents import ids
from incidents.catalogue.models.service import Service
from incidents.catalogue.models.source import Source
from incidents.choices import LIVE, Automation, Priority, Severity, Status
from incidents.querysets import IncidentQuerySet

AUDITED = (
    "status", "priority", "assignee_id", "acknowledged_by", "acknowledge_message", "resolved_by", "resolution", "snoozed_until",
    "snooze_reason", "escalated_at", "episode",
)  # fmt: skip


class Incident(models.Model):
    """What people work on. Written by ``services`` only; ``status`` moves by ``lifecycle`` only."""

    # Constraints on these three would cost the ingest path a look-up and a row lock each per incident; it takes the ids from its
    # own directory, and none of them is ever deleted while it has incidents.
    workspace = models.ForeignKey(
        Workspace, on_delete=models.PROTECT, related_name="incidents", db_index=False, db_constraint=False
    )
    name = models.CharField(max_length=24)
    service = models.ForeignKey(
        Service, on_delete=models.PROTECT, related_name="incidents", db_index=False, db_constraint=False
    )
    source = models.ForeignKey(
        Source, null=True, on_delete=models.PROTECT, related_name="incidents", db_index=False, db_constraint=False
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        related_name="assigned_incidents",
        db_index=False,
    )

    title = models.CharField(max_length=500)
    description = models.TextField(blank=True, default="")
    severity = models.PositiveSmallIntegerField(choices=Severity.choices, default=Severity.MEDIUM)
    severity_raised_at = models.DateTimeField(null=True)
    priority = models.PositiveSmallIntegerField(choices=Priority.choices, default=Priority.P3)
    priority_by_hand = models.BooleanField(default=False, db_default=False)  # then no signal changes it any more
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.OPEN)

    dedup_hash = models.UUIDField()
    dedup_key = models.CharField(max_length=512)
    dedup_strategy = models.CharField(max_length=32)

    # What the signal said it is about.
    source_name = models.CharField(max_length=200, blank=True, default="")
    service_name = models.CharField(max_length=200, blank=True, default="")
    namespace = models.CharField(max_length=253, blank=True, default="")
    pod = models.CharField(max_length=253, blank=True, default="")
    deployment = models.CharField(max_length=253, blank=True, default="")
    resource_kind = models.CharField(max_length=100, blank=True, default="")
    resource_name = models.CharField(max_length=253, blank=True, default="")
    signal_type = models.CharField(max_length=100, blank=True, default="")
    labels = models.JSONField(default=dict)
    links = models.JSONField(default=list)
    metric = models.JSONField(default=dict)  # rule_id, rule_name, metric, threshold, actual_value of a metric alert

    # Beside the status, never mixed with it. Database defaults spare the set-based ingest from naming what it never sets.
    snoozed_until = models.DateTimeField(null=True)
    snoozed_at = models.DateTimeField(null=True)
    snoozed_by = models.CharField(max_length=254, blank=True, default="", db_default="")
    snooze_reason = models.TextField(blank=True, default="", db_default="")
    suppressed_by = models.JSONField(
        null=True
    )  # {"kind", "id", "name", "reason"} of the rule or window; None: not suppressed
    escalated_at = models.DateTimeField(null=True)
    automation = models.CharField(max_length=16, choices=Automation.choices, default=Automation.IDLE, db_default="idle")
    remediation_attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    occurrences = models.PositiveIntegerField(default=1)
    episode = models.PositiveSmallIntegerField(default=0, db_default=0)  # how often it was reopened
    is_system = models.BooleanField(default=False, db_default=False)  # of a system service: in no list and no count

    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)  # the sender's start of the latest occurrence
    last_occurred_at = models.DateTimeField(null=True)  # the sender's time of the latest trigger
    last_seen_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.CharField(max_length=254, blank=True, default="", db_default="")
    acknowledge_message = models.TextField(blank=True, default="", db_default="")
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=254, blank=True, default="", db_default="")
    resolved_by_hand = models.BooleanField(default=False, db_default=False)
    resolution = models.TextField(blank=True, default="", db_default="")
    closed_at = models.DateTimeField(null=True)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            # Dedup is the database's job: one live incident per problem. The hash alone, although a problem belongs to a
            # workspace: its scope (a source, a service) does so already, and no other index can be mistaken for this one by
            # a plan that was made while the table was small. The second one finds an incident by its name.
            models.UniqueConstraint(
                fields=["dedup_hash"], condition=models.Q(status__in=LIVE), name="incidents_one_live_per_key"
            ),
            models.UniqueConstraint(fields=["workspace", "name"], name="incidents_incident_name"),
        ]
        indexes = [
            # Lists, newest first, by keyset: of everything, and of what is live by severity (filter and sort).
            models.Index(fields=["workspace", "-id"], name="incidents_newest"),
            models.Index(
                fields=["workspace", "-severity", "-id"],
                # The severity is always there; only who sorts by it says so (``by_severity``), so that ingest's look-up can't
                # be planned over this one while the table is small, and every index as good as another.
                condition=models.Q(status__in=LIVE, severity__gte=Severity.INFO),
                name="incidents_live_severity",
            ),
            # "Mine": what is assigned to me, what I acknowledged. Empty for what nobody has, so ingest does not pay for them.
            models.Index(fields=["assignee"], condition=models.Q(assignee__isnull=False), name="incidents_assigned"),
            models.Index(
                fields=["acknowledged_by"],
                condition=models.Q(status__in=LIVE) & ~models.Q(acknowledged_by=""),
                name="incidents_acknowledger",
            ),
            # The sweep: whose snooze ends, what may be closed.
            models.Index(
                fields=["snoozed_until"], condition=models.Q(snoozed_until__isnull=False), name="incidents_snoozed"
            ),
            models.Index(fields=["resolved_at"], condition=models.Q(status=Status.RESOLVED), name="incidents_to_close"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.title}"

    def audit_object(self) -> Object:
        """As what the audit names it; its own events are what it ties together."""
        return Object("incident", str(self.pk), self.name, self.workspace_id, self.namespace, incident_id=self.pk)

    def audit_facts(self) -> dict[str, Any]:
        """What people and timers change."""
        return {name: getattr(self, name) for name in AUDITED}

    @property
    def public_id(self) -> str:
        """The id in every API: ``inc-…``."""
        return ids.incident_id(self.pk)

    @property
    def is_live(self) -> bool:
        """Whether somebody may still have to do something."""
        return self.status in LIVE

    def is_snoozed(self, now: datetime) -> bool:
        """Whether a live incident is silenced at *now*."""
        return self.is_live and self.snoozed_until is not None and self.snoozed_until > now
