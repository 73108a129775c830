"""Reads of dead letters."""

from __future__ import annotations

from aiops.access.actors import Actor, Role
from aiops.kernel.errors import NotPermitted
from incidents.journal.models import DeadLetter
from incidents.querysets import WorkspaceQuerySet


def readable_letters(actor: Actor) -> WorkspaceQuerySet:
    """The dead letters that *actor* may read: those of the workspaces where it is operator or admin, since a body may hold
    anything. Raises :class:`NotPermitted` for somebody who is neither anywhere."""
    if actor.highest_role < Role.OPERATOR:
        raise NotPermitted("Dead letters take the role operator or admin")
    return DeadLetter.objects.visible_to(actor, Role.OPERATOR)
