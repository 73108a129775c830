"""Tables of the watch: proofs of paging, and the clock that the sweeps saw last."""

from __future__ import annotations

from django.db import models

from aiops.access.models import Workspace
from incidents.core.models import Incident
from incidents.querysets import WorkspaceQuerySet


class PagingProof(models.Model):
    """A synthetic incident, sent through ingest, escalation and a channel with a receipt; *proved_at* is when it got there."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="paging_proofs")
    incident = models.ForeignKey(Incident, null=True, on_delete=models.SET_NULL, related_name="+", db_constraint=False)
    started_at = models.DateTimeField()
    proved_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True, default="", db_default="")

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["workspace", "-proved_at"], name="notifications_proof_latest")]

    def __str__(self) -> str:
        return f"proof of {self.started_at:%Y-%m-%d %H:%M:%S}"


class SweepClock(models.Model):
    """What time it was when a sweep last looked: a clock that is set back shows. One row."""

    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.seen_at:%Y-%m-%d %H:%M:%S}"
