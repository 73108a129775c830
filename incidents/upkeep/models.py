"""The table of troubles: items for which periodic work fails."""

from __future__ import annotations

from django.db import models

from aiops.access.models import Workspace


class Trouble(models.Model):
    """Something that is done again and again, and fails for one of its subjects. It goes when that is well again."""

    key = models.CharField(max_length=200, unique=True)
    what = models.CharField(max_length=300)
    workspace = models.ForeignKey(Workspace, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    error = models.TextField()
    since = models.DateTimeField()
    last_at = models.DateTimeField()
    forget_at = models.DateTimeField(db_index=True)  # it is over by then unless it fails again
    reported_at = models.DateTimeField(null=True, blank=True)  # when an incident told of it

    class Meta:
        ordering = ["since"]
        verbose_name_plural = "troubles"

    def __str__(self) -> str:
        return f"{self.what} since {self.since:%Y-%m-%d %H:%M}"
