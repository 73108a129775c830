"""Tables that remember earlier signals: the last resolves of a dedup key, and the ids of delivered messages."""

from __future__ import annotations

from django.db import models

from aiops.access.models import Workspace


class RecentResolve(models.Model):
    """The last resolve that a key received for each start, kept for an hour: whether a trigger that comes late is over already.

    *used* once it ended an incident: then it can't end another one.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    dedup_hash = models.UUIDField()
    started_at = models.DateTimeField(null=True)
    occurred_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(db_index=True)
    used = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["dedup_hash", "started_at"], nulls_distinct=False, name="incidents_resolve_of_start"
            )
        ]

    def __str__(self) -> str:
        return f"{self.dedup_hash} {self.received_at}"


class SeenEvent(models.Model):
    """A sender's own name for a message, with whose it is, as a digest: senders that deliver at least once deliver some twice.

    Kept for a week; PagerDuty gives up after two days.
    """

    digest = models.UUIDField(primary_key=True)
    received_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.digest} {self.received_at}"
