"""Querysets of the app. ``visible_to(actor)`` limits every read to the rows that an actor may see."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q

from aiops.access.actors import Actor, ActorKind


class WorkspaceQuerySet(models.QuerySet):
    """Rows that belong to a workspace."""

    def visible_to(self, actor: Actor) -> Self:
        """Only what the actor's workspaces hold."""
        workspaces = actor.workspace_ids
        return self if workspaces is None else self.filter(workspace_id__in=workspaces)


class DestinationQuerySet(models.QuerySet):
    """Shared destinations belong to a workspace, personal ones to a person."""

    def visible_to(self, actor: Actor) -> Self:
        """The shared ones of the actor's workspaces, and its own. Those of others are nobody's business but the sender's."""
        own = Q(owner_id=int(actor.id)) if actor.kind == ActorKind.USER and actor.id.isdecimal() else Q(pk__in=())
        workspaces = actor.workspace_ids
        shared = Q(workspace__isnull=False) if workspaces is None else Q(workspace_id__in=workspaces)
        return self.filter(shared | own)

    def usable(self) -> Self:
        """Switched on, proven, and not known to be broken."""
        return self.filter(enabled=True, broken_at__isnull=True, verified_at__isnull=False)
