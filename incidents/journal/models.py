"""The table of dead letters: requests that could not be read, with the reason."""

from __future__ import annotations

from django.db import models

from aiops.access.models import Workspace
from incidents.catalogue.models.source import Source
from incidents.choices import SourceKind
from incidents.querysets import WorkspaceQuerySet


class DeadLetter(models.Model):
    """A body that could not be understood, kept with the reason."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="dead_letters")
    source = models.ForeignKey(Source, null=True, on_delete=models.SET_NULL, related_name="dead_letters")
    source_kind = models.CharField(max_length=20, choices=SourceKind.choices)
    received_at = models.DateTimeField(db_index=True)
    content_type = models.CharField(max_length=200, blank=True)
    error = models.TextField()
    field = models.CharField(max_length=200, blank=True)
    raw = models.BinaryField()

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["-received_at", "-id"]

    def __str__(self) -> str:
        return f"{self.source_kind}: {self.error[:80]}"
