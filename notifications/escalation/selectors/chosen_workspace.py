"""The workspace of a caller that names none."""

from __future__ import annotations

from django.db.models import Case, Value, When

from aiops.access.actors import Actor
from aiops.access.keyring import PRIMARY_WORKSPACE
from aiops.access.models import Workspace
from aiops.kernel.errors import NotFound
from incidents.catalogue.models import Service


def workspace_of(actor: Actor) -> Workspace:
    """The only one that the actor may see (a header has narrowed it), else the primary one, else its first. ``NotFound``."""
    rows = (
        Workspace.objects.all() if actor.workspace_ids is None else Workspace.objects.filter(pk__in=actor.workspace_ids)
    )
    primary_first = Case(When(slug=PRIMARY_WORKSPACE, then=Value(0)), default=Value(1))
    workspace = rows.order_by(primary_first, "pk").first()
    if workspace is None:
        raise NotFound("There is no workspace")
    return workspace


def service_or_default(actor: Actor, name: str) -> tuple[Service, list[str]]:
    """The service called *name* in the caller's workspace, else the default one (where alerts that name it would go, too) and
    a warning that says so. ``NotFound`` when the workspace has no service."""
    services = Service.objects.filter(workspace=workspace_of(actor))
    if name and (found := services.filter(name__iexact=name).first()):
        return found, []
    default = services.filter(is_default=True).first()
    if default is None:
        raise NotFound("The workspace has no service")
    return default, [f"There is no service {name[:100]!r}: this is the default one's."] if name else []
