"""Plain functions that make things the way the product makes them. Every argument has a default; name what the test is about."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from aiops.access.actors import Actor, ActorKind, Role
from aiops.access.models import Membership, User, Workspace
from aiops.kernel import secrets
from incidents.choices import SignalAction, SourceKind
from incidents.contracts import Arrival, Outcome, Route, Signal
from incidents.ingest.services.ingest import ingest
from incidents.models import Incident, Service, Source

NOW = datetime(2026, 3, 19, 14, 30, tzinfo=UTC)

_numbers = itertools.count(1)


def make_workspace(name: str = "", slug: str = "") -> Workspace:
    n = next(_numbers)
    return Workspace.objects.create(slug=slug or f"ws-{n}", name=name or f"Workspace {n}")


def make_service(workspace: Workspace, name: str = "", *, is_default: bool = False, **fields: Any) -> Service:
    key = secrets.make_key()
    return Service.objects.create(
        workspace=workspace,
        name=name or f"service-{next(_numbers)}",
        is_default=is_default,
        routing_key_digest=secrets.digest(key),
        routing_key_sealed=secrets.seal(key),
        **fields,
    )


def make_source(workspace: Workspace, kind: SourceKind = SourceKind.WEBHOOK, name: str = "", **fields: Any) -> Source:
    key = secrets.make_key()
    return Source.objects.create(
        workspace=workspace,
        kind=kind,
        name=name or f"{kind}-{next(_numbers)}",
        key_digest=secrets.digest(key),
        key_sealed=secrets.seal(key),
        **fields,
    )


def make_user(
    username: str = "", workspace: Workspace | None = None, role: Role = Role.OPERATOR, **fields: Any
) -> User:
    name = username or f"user{next(_numbers)}"
    user = User.objects.create_user(name, f"{name}@example.com", "correct horse battery", **fields)
    if workspace is not None:
        Membership.objects.create(user=user, workspace=workspace, role=role.value)
    return user


def actor(workspace: Workspace, role: Role = Role.OPERATOR, label: str = "ana") -> Actor:
    """An actor value without a row behind it."""
    return Actor(ActorKind.USER, label, label, f"{label}@example.com", roles=((workspace.pk, role),))


def make_signal(**fields: Any) -> Signal:
    defaults: dict[str, Any] = {
        "action": SignalAction.TRIGGER,
        "dedup_key": f"key-{next(_numbers)}",
        "dedup_strategy": "dedup_key",
        "title": "High CPU on payments-api",
        "source": "prometheus",
        "raw": b'{"title": "High CPU on payments-api"}',
    }
    return Signal(**{**defaults, **fields})


def make_route(workspace: Workspace, service: Service | None = None, source: Source | None = None) -> Route:
    service = service or Service.objects.filter(workspace=workspace).first() or make_service(workspace)
    webhooks = Source.objects.filter(workspace=workspace, kind=SourceKind.WEBHOOK)
    source = source or webhooks.first() or make_source(workspace)
    kind = SourceKind(source.kind)
    return Route(workspace.pk, source.pk, kind, service.pk, service.default_priority, f"source:{source.pk}")


def make_arrival(route: Route, at: datetime = NOW, **signal: Any) -> Arrival:
    return Arrival(uuid.uuid4(), at, route, make_signal(**signal))


def fire(route: Route, at: datetime = NOW, **signal: Any) -> Outcome:
    """One signal through ingest."""
    return ingest([make_arrival(route, at, **signal)], at)[0]


def make_incident(workspace: Workspace | None = None, at: datetime = NOW, **signal: Any) -> Incident:
    """An open incident, made by a signal."""
    workspace = workspace or make_workspace()
    return Incident.objects.get(pk=fire(make_route(workspace), at, **signal).incident_id)


def minutes(n: float) -> timedelta:
    return timedelta(minutes=n)
