"""Its table: drills that somebody has to approve, and that are then held."""

from __future__ import annotations

from django.db import models


class Drill(models.Model):
    """A drill about an incident. ``due_at`` NULL: it waits for its approval, or is over."""

    incident_id = models.BigIntegerField()
    approved_by = models.CharField(max_length=254, blank=True, default="")
    due_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)
    held_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "toy"

    def __str__(self) -> str:
        return f"drill {self.pk}"
