from __future__ import annotations

from django.db import models

from aiops.access.models import Workspace
from aiops.kernel import secrets
from incidents.catalogue.models.service import Service
from incidents.choices import SourceKind
from incidents.querysets import WorkspaceQuerySet


class Source(models.Model):
    """An inbound integration: whose words it speaks, and the key of its own URL ``/in/<key>``.

    Each workspace has one default source per kind: what ``X-Source`` (or ``?source=``) selects.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="sources")
    kind = models.CharField(max_length=20, choices=SourceKind.choices)
    name = models.CharField(max_length=200)
    service = models.ForeignKey(
        Service,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="sources",
        help_text="Where its signals go unless they name a service; empty: the workspace's default service.",
    )
    is_default = models.BooleanField(default=False, editable=False)
    enabled = models.BooleanField(default=True)
    limit_per_minute = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Signals above this are answered 503 with Retry-After, so that senders repeat them.",
    )
    key_digest = models.CharField(max_length=64, unique=True, editable=False)
    key_sealed = models.TextField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["workspace", "name"], name="incidents_source_name"),
            models.UniqueConstraint(
                "workspace", "kind", condition=models.Q(is_default=True), name="incidents_source_default"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        """The key in clear, for the pages of administrators."""
        return secrets.unseal(self.key_sealed)
