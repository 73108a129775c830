from __future__ import annotations

from typing import Any

from django.db import models

from aiops.access.models import Team, Workspace
from aiops.audit.snapshot import columns
from incidents.catalogue.models import Service
from incidents.querysets import WorkspaceQuerySet
from notifications.delivery.models.outlet import Destination


class Route(models.Model):
    """Which shared destinations hear of a new incident. All routes that match are told; a destination once.

    *channels* are kinds: every usable shared destination of that kind in the workspace; *destinations* are told by name.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="routes")
    position = models.PositiveSmallIntegerField(default=0)
    name = models.CharField(max_length=200)
    enabled = models.BooleanField(default=True)
    severities = models.JSONField(default=list, blank=True)  # words; empty: every one
    service = models.ForeignKey(Service, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )  # that owns the service
    labels = models.JSONField(default=dict, blank=True)  # label → value, "*" and "?" match as in file names
    # {"days": [0…6], "from": "09:00", "to": "17:00", "time_zone": "Europe/Berlin"}; empty: always
    window = models.JSONField(default=dict, blank=True)
    channels = models.JSONField(default=list, blank=True)
    destinations = models.ManyToManyField(Destination, blank=True, related_name="routes")

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="notifications_route_name")]

    def __str__(self) -> str:
        return self.name

    def audit_facts(self) -> dict[str, Any]:
        """The rules, and the destinations that they lead to."""
        destinations = self.destinations.order_by("pk").values_list("pk", flat=True)
        return {**columns(self), "destinations": list(destinations) if self.pk else []}
