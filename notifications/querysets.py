"""Querysets of the app. ``visible_to(actor)`` limits every read to the rows that an actor may see."""

from __future__ import annotations

from typing import Self

from django.db.models import Q

from aiops.access.actors import Actor, ActorKind, Role
from incidents.querysets import ListedQuerySet, WorkspaceQuerySet


class DestinationQuerySet(ListedQuerySet):
    """Shared destinations belong to a workspace, personal ones to a person."""

    def visible_to(self, actor: Actor, role: Role = Role.VIEWER) -> Self:
        """The shared ones of the workspaces in which the actor has at least *role*, and its own. Those of others are nobody's
        business but the sender's."""
        own = Q(owner_id=int(actor.id)) if actor.kind == ActorKind.USER and actor.id.isdecimal() else Q(pk__in=())
        workspaces = actor.workspaces_with(role)
        shared = Q(workspace__isnull=False) if workspaces is None else Q(workspace_id__in=workspaces)
        rows = self.filter(shared | own)
        return rows if actor.kind == ActorKind.SYSTEM else rows.listed()

    def usable(self) -> Self:
        """Those without a ``Destination.problem``: switched on, proven, and not known to be broken."""
        return self.filter(enabled=True, broken_at__isnull=True, verified_at__isnull=False)


class DeliveryQuerySet(WorkspaceQuerySet):
    """Messages. Those about system incidents are in no list, as these are not."""

    def visible_to(self, actor: Actor, role: Role = Role.VIEWER) -> Self:
        """As :meth:`WorkspaceQuerySet.visible_to`, without what is about system incidents."""
        return super().visible_to(actor, role).exclude(incident__is_system=True)
