"""Verbs on services and sources, for admins of the workspace. Each has a key, stored as a digest for the look-up and
encrypted for the page.

A new or changed key takes effect within seconds, when the directory refreshes.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from aiops.access.actors import Actor, Role
from aiops.access.models import Team, Workspace
from aiops.audit.verbs import audited, locked, makes
from aiops.kernel import secrets
from aiops.kernel.errors import InvalidInput, NotPermitted
from incidents.catalogue.models import Service, Source
from incidents.catalogue.services import directory
from incidents.choices import Priority, SourceKind

DEFAULT_SERVICE = "Default service"
ADMINS_ONLY = "Services and sources are made and changed by admins of the workspace."


@dataclass(frozen=True, slots=True)
class FreshKey:
    """A new key and the two forms in which it is stored."""

    digest: str
    sealed: str

    @classmethod
    def make(cls) -> FreshKey:
        """32 hex characters, as senders of PagerDuty events expect a routing key to look."""
        raw = secrets.make_key()
        return cls(secrets.digest(raw), secrets.seal(raw))


@audited("service.create", taken=lambda given: _taken("service", given["name"]))
def create_service(
    *,
    actor: Actor,
    workspace: Workspace,
    name: str,
    description: str = "",
    owner: Team | None = None,
    default_priority: Priority | None = None,
    is_system: bool = False,
) -> Service:
    """Make a service with a routing key of its own; raises :class:`NotPermitted`, :class:`InvalidInput`.

    *is_system*: the platform's own; no list shows it, and no signal from outside is led to it.
    """
    _require_admin(actor, workspace.pk)
    name = _clean(name, "A service needs a name.")
    if owner is not None and owner.workspace_id != workspace.pk:
        raise InvalidInput("The owner must be a team of the same workspace.", field="owner")
    key = FreshKey.make()
    service = Service.objects.create(
        workspace=workspace,
        name=name,
        description=description,
        owner=owner,
        default_priority=default_priority,
        is_system=is_system,
        routing_key_digest=key.digest,
        routing_key_sealed=key.sealed,
    )
    makes(service)
    transaction.on_commit(directory.refresh)
    return service


@audited("service.rotate_key")
def rotate_routing_key(*, actor: Actor, service_id: int) -> Service:
    """Give a service a new routing key; the old one is dead within seconds. Raises :class:`NotFound`, :class:`NotPermitted`."""
    services = Service.objects.visible_to(actor)
    service = locked(services, service_id, actor, missing="There is no such service.", refusal=ADMINS_ONLY)
    key = FreshKey.make()
    service.routing_key_digest, service.routing_key_sealed = key.digest, key.sealed
    service.save(update_fields=["routing_key_digest", "routing_key_sealed"])
    transaction.on_commit(directory.refresh)
    return service


@audited("source.create", taken=lambda given: _taken("source", given["name"]))
def create_source(
    *,
    actor: Actor,
    workspace: Workspace,
    kind: SourceKind,
    name: str,
    service: Service | None = None,
    enabled: bool = True,
    limit_per_minute: int | None = None,
) -> Source:
    """Make a source with a URL of its own (``/in/<key>``); raises :class:`NotPermitted`, :class:`InvalidInput`."""
    _require_admin(actor, workspace.pk)
    name = _clean(name, "A source needs a name.")
    if service is not None and service.workspace_id != workspace.pk:
        raise InvalidInput("The service must be one of the same workspace.", field="service")
    key = FreshKey.make()
    source = Source.objects.create(
        workspace=workspace,
        kind=kind,
        name=name,
        service=service,
        enabled=enabled,
        limit_per_minute=limit_per_minute,
        key_digest=key.digest,
        key_sealed=key.sealed,
    )
    makes(source)
    transaction.on_commit(directory.refresh)
    return source


@audited("source.rotate_key")
def rotate_source_key(*, actor: Actor, source_id: int) -> Source:
    """Give a source a new URL; the old one is dead within seconds. Raises :class:`NotFound`, :class:`NotPermitted`."""
    sources = Source.objects.visible_to(actor)
    source = locked(sources, source_id, actor, missing="There is no such source.", refusal=ADMINS_ONLY)
    key = FreshKey.make()
    source.key_digest, source.key_sealed = key.digest, key.sealed
    source.save(update_fields=["key_digest", "key_sealed"])
    transaction.on_commit(directory.refresh)
    return source


def ensure_workspace_defaults(workspace: Workspace) -> Service:
    """Give a workspace what it lacks of a default service and a default source per kind; returns the service.

    Repeatable, and safe beside itself in another process: it holds the workspace's row meanwhile.
    """
    with transaction.atomic():
        Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
        service = _default_service(workspace)
        present = set(Source.objects.filter(workspace=workspace, is_default=True).values_list("kind", flat=True))
        for kind in SourceKind:
            if kind not in present:
                _default_source(workspace, kind)
        transaction.on_commit(directory.refresh)
    return service


def _default_service(workspace: Workspace) -> Service:
    services = Service.objects.filter(workspace=workspace)
    service = services.filter(is_default=True).first()
    if service is not None:
        return service
    service = services.filter(name__iexact=DEFAULT_SERVICE).first()
    if service is not None:
        service.is_default = True
        service.save(update_fields=["is_default"])
        return service
    key = FreshKey.make()
    return Service.objects.create(
        workspace=workspace,
        name=DEFAULT_SERVICE,
        description="Takes what names no other service.",
        is_default=True,
        routing_key_digest=key.digest,
        routing_key_sealed=key.sealed,
    )


def _default_source(workspace: Workspace, kind: SourceKind) -> None:
    taken = Source.objects.filter(workspace=workspace, name=kind.label).exists()
    key = FreshKey.make()
    Source.objects.create(
        workspace=workspace,
        kind=kind,
        name=f"{kind.label} (default)" if taken else kind.label,
        is_default=True,
        key_digest=key.digest,
        key_sealed=key.sealed,
    )


def _clean(name: str, complaint: str) -> str:
    if not (name := name.strip()):
        raise InvalidInput(complaint, field="name")
    return name


def _require_admin(actor: Actor, workspace_id: int) -> None:
    if not actor.may(Role.ADMIN, workspace_id):
        raise NotPermitted(ADMINS_ONLY)


def _taken(kind: str, name: str) -> InvalidInput:
    return InvalidInput(f"The workspace has a {kind} named {name.strip()!r}.", field="name")
