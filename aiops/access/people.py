"""People as actors: the memberships of a user, read into an actor's rights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
    return actors_for_users([user])[user.pk]


def actors_for_users(users: Iterable[User]) -> dict[int, Actor]:
    """The same for several at once, by their keys; one query for all of them."""
    people = {user.pk: user for user in users}
    roles: dict[int, list[tuple[int, Role]]] = {pk: [] for pk, user in people.items() if not user.is_superuser}
    if roles:
        rows = Membership.objects.filter(user__in=roles).order_by("workspace_id")
        for user_id, workspace_id, role in rows.values_list("user_id", "workspace_id", "role"):
            roles[user_id].append((workspace_id, Role(role)))
    return {pk: _actor(user, roles.get(pk, [])) for pk, user in people.items()}


def _actor(user: User, roles: Sequence[tuple[int, Role]]) -> Actor:
    if not user.is_active:
        return ANONYMOUS
    if user.is_superuser:
        return Actor(ActorKind.USER, str(user.pk), user.display_name, user.email, everywhere=Role.ADMIN)
    return Actor(ActorKind.USER, str(user.pk), user.display_name, user.email, roles=tuple(roles))
