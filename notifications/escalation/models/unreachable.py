"""The table of services whose escalation would reach nobody."""

from __future__ import annotations

from django.db import models

from aiops.access.models import Workspace
from incidents.catalogue.models import Service
from incidents.querysets import WorkspaceQuerySet


class UnreachableService(models.Model):
    """A service whose chain reached nobody when it was last gone through."""

    service = models.OneToOneField(Service, on_delete=models.CASCADE, related_name="+")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    found_at = models.DateTimeField()
    at = models.DateTimeField()  # the instant at which an incident would reach nobody
    reason = models.TextField()

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["service"]

    def __str__(self) -> str:
        return f"{self.service}: {self.reason}"
