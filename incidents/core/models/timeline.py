from __future__ import annotations

from django.db import models

from aiops.access.actors import ActorKind
from incidents.choices import Status
from incidents.core.models.incident import Incident


class TimelineEntry(models.Model):
    """An append-only fact about an incident, written in the transaction of what it tells.

    Entries with a ``to_status`` are the status history; entries of kind ``note_added`` are the notes.
    """

    incident = models.ForeignKey(
        Incident, on_delete=models.CASCADE, related_name="timeline", db_constraint=False, db_index=False
    )
    at = models.DateTimeField()
    kind = models.CharField(max_length=32)  # registered in ``incidents.core.timeline``
    actor_kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in ActorKind])
    actor_id = models.CharField(max_length=64)
    actor_label = models.CharField(max_length=254)
    from_status = models.CharField(max_length=16, choices=Status.choices, blank=True, default="", db_default="")
    to_status = models.CharField(max_length=16, choices=Status.choices, blank=True, default="", db_default="")
    text = models.TextField(blank=True, default="", db_default="")  # what a person wrote
    data = models.JSONField(default=dict)  # the facts, by kind

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["incident", "id"], name="incidents_entry_incident")]
        verbose_name_plural = "timeline entries"

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.kind}"
