"""Verbs by which people change their own account."""

from __future__ import annotations

from aiops.access.actors import Actor, ActorKind, Role
from aiops.access.models import User
from aiops.audit.verbs import audited, changes
from aiops.kernel.errors import InvalidInput, NotPermitted
from aiops.kernel.validation import zones


@audited("user.set_time_zone")
def set_time_zone(*, actor: Actor, user: User, time_zone: str) -> None:
    """Have pages, messages and contact rules speak in *time_zone* (an IANA name) to *user*."""
    mine = actor.kind == ActorKind.USER and actor.id == str(user.pk)
    if not mine and actor.everywhere != Role.ADMIN:
        raise NotPermitted("Somebody's time zone is theirs to say.")
    if time_zone not in zones():
        raise InvalidInput("time_zone: expected an IANA name such as Europe/Berlin.", field="time_zone")
    changes(user)
    user.time_zone = time_zone
    user.save(update_fields=["time_zone"])
