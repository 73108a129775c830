"""Small tables that keep the core honest: what could not be parsed, reserved names, last resolves, reactions to retry."""

from __future__ import annotations

from django.db import models

from aiops.access.models import Workspace
from incidents.choices import SourceKind
from incidents.models.source import Source
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


class NameBlock(models.Model):
    """How far the incident numbers of a workspace's UTC day are handed out."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    next_number = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "day"], name="incidents_name_block")]

    def __str__(self) -> str:
        return f"{self.day} from {self.next_number}"


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


class Trouble(models.Model):
    """Something that is done again and again, and fails for one of its subjects. It goes when that is well again."""

    key = models.CharField(max_length=200, unique=True)
    what = models.CharField(max_length=300)
    workspace = models.ForeignKey(Workspace, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    error = models.TextField()
    since = models.DateTimeField()
    last_at = models.DateTimeField()
    forget_at = models.DateTimeField(db_index=True)  # it is over by then unless it fails again
    told_at = models.DateTimeField(null=True, blank=True)  # when an incident told of it

    class Meta:
        ordering = ["since"]
        verbose_name_plural = "troubles"

    def __str__(self) -> str:
        return f"{self.what} since {self.since:%Y-%m-%d %H:%M}"
