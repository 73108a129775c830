"""Querysets of the app. ``visible_to(actor)`` limits every read to the rows that an actor may see."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from aiops.access.actors import Actor, ActorKind, Role
from incidents.choices import ENDED, LIVE, Severity, Status
from incidents.ids import parse_reference


class WorkspaceQuerySet(models.QuerySet):
    """Rows that belong to a workspace."""

    def visible_to(self, actor: Actor, role: Role = Role.VIEWER) -> Self:
        """Only what the workspaces hold in which the actor has at least *role*."""
        workspaces = actor.workspaces_with(role)
        return self if workspaces is None else self.filter(workspace_id__in=workspaces)


class ListedQuerySet(WorkspaceQuerySet):
    """Rows of which some are the platform's own (``is_system``): what a proof of paging needs, and what came of it."""

    def listed(self) -> Self:
        """Without the platform's own: what lists show, forms offer and counts count."""
        return self.filter(is_system=False)

    def visible_to(self, actor: Actor, role: Role = Role.VIEWER) -> Self:
        """As :meth:`WorkspaceQuerySet.visible_to`; the platform alone sees its own rows."""
        rows = super().visible_to(actor, role)
        return rows if actor.kind == ActorKind.SYSTEM else rows.listed()


class IncidentQuerySet(ListedQuerySet):
    def live(self) -> Self:
        """Open, acknowledged or under investigation."""
        return self.filter(status__in=LIVE)

    def by_severity(self) -> Self:
        """The worst first, of those the newest; by the index ``incidents_live_severity`` when they are live."""
        return self.filter(severity__gte=Severity.INFO).order_by("-severity", "-pk")

    def ended(self) -> Self:
        """Resolved or closed."""
        return self.filter(status__in=ENDED)

    def by_reference(self, text: str) -> Self:
        """The incident of an id (``inc-…``), or those of a name (``INC-…``), one in each workspace; nothing when *text* is
        neither."""
        reference = parse_reference(text)
        if reference is None:
            return self.none()
        return self.filter(pk=reference.pk) if reference.pk is not None else self.filter(name=reference.name)

    def snooze_due(self, now: datetime) -> Self:
        """Snoozes that have ended by *now*."""
        return self.filter(snoozed_until__isnull=False, snoozed_until__lte=now)

    def close_due(self, resolved_before: datetime) -> Self:
        """Resolved long enough ago to be closed."""
        return self.filter(status=Status.RESOLVED, resolved_at__lte=resolved_before)

    def needing_someone(self, now: datetime) -> Self:
        """Open, not snoozed, not suppressed: nobody has it."""
        return self.filter(
            Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=now), status=Status.OPEN, suppressed_by__isnull=True
        )
