"""People as actors."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser

from aiops.access.actors import Actor, ActorKind, Role
from aiops.access.models import Membership, User

ANONYMOUS = Actor(ActorKind.USER, "", "anonymous")  # sees nothing, may do nothing


def actor_for_user(user: User | AnonymousUser) -> Actor:
    """The actor that a person is: the roles of all memberships (one query), or admin everywhere for a superuser (none).

    Nobody signed in, or somebody who was deactivated, is :data:`ANONYMOUS`.
    """
    if not isinstance(user, User) or not user.is_active:
        return ANONYMOUS
    if user.is_superuser:
        return Actor(ActorKind.USER, str(user.pk), user.display_name, user.email, everywhere=Role.ADMIN)
    roles = Membership.objects.filter(user=user).order_by("workspace_id").values_list("workspace_id", "role")
    return Actor(
        ActorKind.USER,
        str(user.pk),
        user.display_name,
        user.email,
        roles=tuple((workspace_id, Role(role)) for workspace_id, role in roles),
    )
