"""The people whom somebody may know of."""

from __future__ import annotations

from django.db.models import Q

from aiops.access.actors import Actor
from aiops.access.models import User

MOST = 300  # in a picker; whoever has more types


def colleagues(actor: Actor) -> list[User]:
    """The active people of the actor's workspaces, by name. One query."""
    people = User.objects.filter(is_active=True)
    if actor.workspace_ids is not None:
        people = people.filter(Q(memberships__workspace_id__in=actor.workspace_ids) | Q(is_superuser=True)).distinct()
    return list(people.order_by("first_name", "last_name", "username")[:MOST])
