"""Changes of services and sources: by admins of the workspace; what is left out stays as it is."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import IntegrityError, transaction

from aiops.access.actors import Actor
from aiops.access.models import Team
from aiops.audit.verbs import audited, locked
from aiops.kernel.errors import InvalidInput
from incidents.catalogue.models import Service, Source
from incidents.catalogue.services import directory
from incidents.choices import Priority

Row = TypeVar("Row", Service, Source)

REFUSAL = "Services and sources are made and changed by admins of the workspace."


@audited("service.update")
def update_service(
    *,
    actor: Actor,
    service_id: int,
    name: str,
    description: str,
    owner: Team | None,
    default_priority: Priority | None,
) -> Service:
    """Change what people say of a service. Raises ``NotFound``, ``NotPermitted``, ``InvalidInput`` naming the field."""
    rows = Service.objects.visible_to(actor)
    service = locked(rows, service_id, actor, missing="There is no such service.", refusal=REFUSAL)
    if owner is not None and owner.workspace_id != service.workspace_id:
        raise InvalidInput("The owner must be a team of the same workspace.", field="owner")
    return _saved(
        service, "service", name=name, description=description, owner=owner, default_priority=default_priority
    )


@audited("source.update")
def update_source(
    *, actor: Actor, source_id: int, name: str, service: Service | None, enabled: bool, limit_per_minute: int | None
) -> Source:
    """Change a source, but for its kind: a sender does not change its language. *limit_per_minute*: signals; None: no limit.

    Raises ``NotFound``, ``NotPermitted``, ``InvalidInput`` naming the field.
    """
    rows = Source.objects.visible_to(actor)
    source = locked(rows, source_id, actor, missing="There is no such source.", refusal=REFUSAL)
    if service is not None and service.workspace_id != source.workspace_id:
        raise InvalidInput("The service must be one of the same workspace.", field="service")
    return _saved(source, "source", name=name, service=service, enabled=enabled, limit_per_minute=limit_per_minute)


def _saved(row: Row, what: str, **values: Any) -> Row:
    """*row* with *values*, which hold at the front door within seconds."""
    values["name"] = values["name"].strip()
    if not values["name"]:
        raise InvalidInput(f"A {what} needs a name.", field="name")
    for field, value in values.items():
        setattr(row, field, value)
    try:
        with transaction.atomic():
            row.save(update_fields=list(values))
    except IntegrityError:
        raise InvalidInput(f"The workspace has a {what} named {values['name']!r}.", field="name") from None
    transaction.on_commit(directory.refresh)
    return row
