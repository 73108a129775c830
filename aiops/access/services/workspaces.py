"""Verbs on workspaces: an administrator creates one, or the first request that names one with a key for all workspaces.

An app that needs rows in every workspace subscribes to ``WorkspaceEvent.CREATED``. A workspace without those rows is of no
use, so a handler that fails undoes the creation.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from datetime import datetime

from django.utils.text import slugify

from aiops.access.actors import Actor, Role
from aiops.access.events import WorkspaceEvent, WorkspaceFact
from aiops.access.models import Workspace
from aiops.audit.verbs import audited, makes
from aiops.kernel import events
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted, Overloaded

SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NAME_LENGTH = 200


@audited("workspace.create", taken=lambda given: _taken(given["name"]))
def create_workspace(*, actor: Actor, name: str, now: datetime, slug: str = "") -> Workspace:
    """Make a workspace; without *slug* one follows from the name. For who is operator in all workspaces.

    Raises :class:`NotPermitted`, and :class:`InvalidInput` when name or id is unfit or taken.
    """
    if actor.everywhere is None or actor.everywhere < Role.OPERATOR:
        raise NotPermitted("Making a workspace takes a role of operator or admin in all workspaces.")
    name, slug = clean_name(name), clean_slug(slug)
    if not name:
        raise InvalidInput("A workspace needs a name.", field="name")
    if Workspace.objects.filter(name__iexact=name).exists():
        raise InvalidInput(f"There is a workspace named {name!r}.", field="name")
    if slug and Workspace.objects.filter(slug=slug).exists():
        raise InvalidInput(f"There is a workspace with the id {slug!r}.", field="slug")
    workspace = Workspace.objects.create(slug=slug or _free_slug(name), name=name)
    makes(workspace)
    fact = WorkspaceFact(workspace_id=workspace.pk, slug=workspace.slug, name=workspace.name, actor=actor.ref)
    if events.publish(WorkspaceEvent.CREATED, [fact], now):
        raise Overloaded("The workspace could not be set up; try again.", data={"retry_after": 5})
    return workspace


def choose_workspace(
    *, actor: Actor, now: datetime, slug: str = "", name: str = "", may_create: bool = False
) -> Workspace:
    """The workspace that a caller names by id or, without one, by name; the id counts when both are given.

    With *may_create*, an actor that may work in all workspaces gets an unknown one made. Raises :class:`NotPermitted`
    for one that the actor may not use (to it, an unknown one is the same), :class:`NotFound` for an unknown one.
    """
    slug, name = clean_slug(slug), clean_name(name)
    if not slug and not name:
        raise InvalidInput("A workspace is named by its id or its name.", field="X-Workspace-Id")
    workspace = _find(slug, name)
    if workspace is not None and actor.role_in(workspace.pk) is not None:
        return workspace
    if actor.everywhere is None:
        raise NotPermitted(f"This key may not use the workspace {slug or name!r}.")
    if not may_create:
        raise NotFound(f"There is no workspace {slug or name!r}.")
    try:
        return create_workspace(actor=actor, name=name or slug, slug=slug, now=now)
    except InvalidInput:
        if (workspace := _find(slug, name)) is not None:
            return workspace
        raise


def narrowed(actor: Actor, workspace_id: int) -> Actor:
    """The same actor, limited to one of its workspaces."""
    role = actor.role_in(workspace_id)
    return replace(actor, roles=((workspace_id, role),) if role else (), everywhere=None)


def clean_slug(text: str) -> str:
    """A workspace id as a caller wrote it, stripped; raises :class:`InvalidInput` when it can't be one."""
    text = text.strip()
    if text and not SLUG.fullmatch(text):
        raise InvalidInput(
            "A workspace id is 1 to 64 letters, digits, dots, dashes or underscores, the first a letter or digit.",
            field="X-Workspace-Id",
        )
    return text


def clean_name(text: str) -> str:
    """A workspace name as a caller wrote it, stripped; raises :class:`InvalidInput` when it can't be one."""
    text = text.strip()
    if len(text) > NAME_LENGTH or not text.isprintable():
        raise InvalidInput(
            f"A workspace name has at most {NAME_LENGTH} printable characters.", field="X-Workspace-Name"
        )
    return text


def _taken(name: str) -> InvalidInput:
    """Somebody was faster."""
    return InvalidInput(f"There is a workspace with the name {name!r} or its id.", field="name")


def _find(slug: str, name: str) -> Workspace | None:
    if slug:
        return Workspace.objects.filter(slug=slug).first()
    return Workspace.objects.filter(name__iexact=name).first()


def _free_slug(name: str) -> str:
    """``ws-`` and the name in plain letters; with something random when taken or when nothing is left of it."""
    wish = f"ws-{slugify(name)[:50].strip('-')}"
    if wish != "ws-" and not Workspace.objects.filter(slug=wish).exists():
        return wish
    return f"{wish.rstrip('-')}-{secrets.token_hex(3)}"
