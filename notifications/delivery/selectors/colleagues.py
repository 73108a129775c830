"""The people from whom a picker lets an actor choose."""

from __future__ import annotations

from django.db.models import Q

from aiops.access.actors import Actor
from aiops.access.models import User

MOST = 300  # people in a picker; where there are more, a name is typed


def colleagues(actor: Actor) -> list[User]:
    """The active people of the actor's workspaces, by name. One query."""
    people = User.objects.filter(is_active=True)
    if actor.workspace_ids is not None:
        people = people.filter(Q(memberships__workspace_id__in=actor.workspace_ids) | Q(is_superuser=True)).distinct()
    return list(people.order_by("first_name", "last_name", "username")[:MOST])
