"""Bookkeeping tables of the core: reserved incident numbers, and event handlers to call again."""

from __future__ import annotations

from django.db import models

from aiops.access.models import Workspace


class NameBlock(models.Model):
    """How far the incident numbers of a workspace's UTC day are handed out."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    next_number = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "day"], name="incidents_name_block")]

    def __str__(self) -> str:
        return f"{self.day} from {self.next_number}"


class PendingReaction(models.Model):
    """A handler of an event that failed, with the facts it still has to see; the sweep calls it again."""

    event = models.CharField(max_length=100)
    handler = models.CharField(max_length=300)
    facts = models.JSONField()
    error = models.TextField()
    attempts = models.PositiveSmallIntegerField(default=1)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["next_attempt_at"]

    def __str__(self) -> str:
        return f"{self.event} → {self.handler}"
