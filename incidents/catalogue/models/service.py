from __future__ import annotations

from django.db import models
from django.db.models.functions import Lower

from aiops.access.models import Team, Workspace
from aiops.kernel import secrets
from incidents.choices import Priority
from incidents.querysets import ListedQuerySet


class Service(models.Model):
    """What an incident is about and who owns it. Its routing key is how senders of events address it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="services")
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    owner = models.ForeignKey(Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="services")
    default_priority = models.PositiveSmallIntegerField(
        choices=Priority.choices, null=True, blank=True, help_text="Empty: the priority follows from the severity."
    )
    is_default = models.BooleanField(default=False, help_text="Takes what names no service of the workspace.")
    is_system = models.BooleanField(default=False, db_default=False, editable=False)  # the platform's own: in no list
    routing_key_digest = models.CharField(max_length=64, unique=True, editable=False)
    routing_key_sealed = models.TextField(editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ListedQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint("workspace", Lower("name"), name="incidents_service_name"),
            models.UniqueConstraint("workspace", condition=models.Q(is_default=True), name="incidents_service_default"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def routing_key(self) -> str:
        """The key in clear, for the pages of administrators."""
        return secrets.unseal(self.routing_key_sealed)
