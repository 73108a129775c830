"""The record and its seals. Rows are only ever added: a trigger of the database refuses to change or remove them."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models.functions import Now

from aiops.access.actors import Actor, ActorKind


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def visible_to(self, actor: Actor) -> Self:
        """What happened in the actor's workspaces, and what the actor did itself. What belongs to no workspace shows to those
        who may see all."""
        workspaces = actor.workspace_ids
        if workspaces is None:
            return self
        mine = models.Q(actor_kind=actor.kind, actor_id=actor.id) if actor.id else models.Q(pk__in=())
        return self.filter(models.Q(workspace_id__in=workspaces) | mine)


class AuditEvent(models.Model):
    """One change: who did what to which object, when, through which door. Written in the transaction of the change.

    It points to nothing by a foreign key: the record outlives workspaces, people and objects.
    """

    at = models.DateTimeField(db_default=Now())
    workspace_id = models.BigIntegerField(null=True)  # None: the installation as a whole, or a person
    verb = models.CharField(max_length=64)  # "policy.update": the object's kind and what was done
    actor_kind = models.CharField(max_length=16, choices=[(kind, kind) for kind in ActorKind])
    actor_id = models.CharField(max_length=64)
    actor_label = models.CharField(max_length=254)
    actor_role = models.CharField(max_length=16, blank=True, default="")  # in that workspace, at that time
    object_kind = models.CharField(max_length=40)
    object_id = models.CharField(max_length=64)
    object_name = models.CharField(max_length=500)
    namespace = models.CharField(max_length=253, blank=True, default="")
    incident_id = models.BigIntegerField(null=True)  # ties together what belongs to one incident
    before = models.JSONField(null=True)  # what changed, as it was; None: it was not there
    after = models.JSONField(null=True)  # the same as it is now, and what was said with it; None: it is gone
    door = models.CharField(max_length=16)
    address = models.CharField(max_length=64, blank=True, default="")
    user_agent = models.CharField(max_length=400, blank=True, default="")

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["workspace_id", "-id"], name="audit_newest"),
            models.Index(fields=["object_kind", "object_id", "-id"], name="audit_object"),
            models.Index(fields=["incident_id"], condition=models.Q(incident_id__isnull=False), name="audit_incident"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S} {self.actor_label}: {self.verb} {self.object_name}"


class AuditSeal(models.Model):
    """An event's place in the chain of its workspace, and the HMAC over both. The database adds it blank with each event; the
    chainer fills it in, once.

    *chain* is the workspace's number, 0 for what belongs to none. Positions count from 1 without a hole.
    """

    event = models.OneToOneField(AuditEvent, primary_key=True, on_delete=models.DO_NOTHING, db_constraint=False)
    chain = models.BigIntegerField(null=True)
    position = models.BigIntegerField(null=True)
    previous = models.CharField(max_length=64, blank=True, default="", db_default="")  # the hash at the place before
    hash = models.CharField(max_length=64, blank=True, default="", db_default="")
    key_id = models.CharField(max_length=16, blank=True, default="", db_default="")
    sealed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chain", "position"], name="audit_seal_place")]
        indexes = [
            models.Index(fields=["event"], condition=models.Q(position__isnull=True), name="audit_unsealed"),
        ]

    def __str__(self) -> str:
        return f"chain {self.chain}, place {self.position}"
