"""The table of used links: each signed link works once."""

from __future__ import annotations

from django.db import models


class UsedLink(models.Model):
    """A signed link that was acted on: it is good once."""

    digest = models.CharField(max_length=64, primary_key=True)
    used_at = models.DateTimeField(db_index=True)
    used_by = models.CharField(max_length=254)

    def __str__(self) -> str:
        return f"used by {self.used_by}"
