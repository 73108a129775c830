from __future__ import annotations

from django.db import models

from aiops.access.models import Workspace
from incidents.catalogue.models.service import Service
from incidents.catalogue.models.source import Source
from incidents.choices import Result, Severity, SignalAction
from incidents.core.models.incident import Incident
from incidents.querysets import WorkspaceQuerySet


class Alert(models.Model):
    """The stored signal: what came, raw, and the decision trace. Range-partitioned by arrival time (see the first migration).

    The key is what the door gave the signal, so that a retry or a replay is ``ON CONFLICT DO NOTHING``.
    """

    pk = models.CompositePrimaryKey("id", "received_at")
    id = models.UUIDField()
    received_at = models.DateTimeField()
    # No constraints: rows are written in bulk in the transaction that made or found what they point to.
    workspace = models.ForeignKey(
        Workspace, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    source = models.ForeignKey(
        Source, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    service = models.ForeignKey(
        Service, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )
    incident = models.ForeignKey(
        Incident, null=True, on_delete=models.DO_NOTHING, related_name="alerts", db_constraint=False, db_index=False
    )
    action = models.CharField(max_length=16, choices=SignalAction.choices)
    result = models.CharField(max_length=16, choices=Result.choices)
    dedup_key = models.CharField(max_length=512)
    title = models.CharField(max_length=500)
    severity = models.PositiveSmallIntegerField(choices=Severity.choices)
    started_at = models.DateTimeField(null=True)
    occurred_at = models.DateTimeField(null=True)
    trace = models.JSONField()  # [{"stage", "outcome", …}]: why it did, or did not, what it did
    raw = models.BinaryField()

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["-received_at"]
        indexes = [
            # The alerts of one incident, newest first.
            models.Index(fields=["incident", "-received_at"], name="incidents_alert_incident"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.dedup_key}"
