"""The directory: workspaces, services and sources by key, as a snapshot. The front door finds them without a query."""

from __future__ import annotations

from dataclasses import dataclass, field

from aiops.access.keyring import PRIMARY_WORKSPACE
from aiops.access.models import Workspace
from aiops.kernel import secrets
from aiops.kernel.snapshot import Snapshot
from incidents.catalogue.models import Service, Source
from incidents.choices import SourceKind
from incidents.contracts import Route


@dataclass(frozen=True, slots=True)
class KnownService:
    """A service as routing needs it."""

    pk: int
    workspace_id: int
    default_priority: int | None
    is_system: bool = False  # of those nothing from outside may know


@dataclass(frozen=True, slots=True)
class KnownSource:
    """A source as routing needs it; *service_id* None: the workspace's default service."""

    pk: int
    workspace_id: int
    kind: SourceKind
    service_id: int | None
    enabled: bool
    limit_per_minute: int | None


@dataclass(slots=True)
class Directory:
    """Everything routing looks up, keyed by what callers present."""

    primary_workspace: int | None = None
    workspaces_by_slug: dict[str, int] = field(default_factory=dict)
    workspaces_by_name: dict[str, int] = field(default_factory=dict)
    services: dict[int, KnownService] = field(default_factory=dict)
    services_by_key: dict[str, KnownService] = field(default_factory=dict)
    services_by_name: dict[tuple[int, str], KnownService] = field(default_factory=dict)
    default_services: dict[int, KnownService] = field(default_factory=dict)
    sources_by_key: dict[str, KnownSource] = field(default_factory=dict)
    default_sources: dict[tuple[int, SourceKind], KnownSource] = field(default_factory=dict)
    # By source and service: made once, used by every signal.
    routes: dict[tuple[int, int], Route] = field(default_factory=dict)

    def service_by_routing_key(self, key: str) -> KnownService | None:
        """The service that a routing key addresses."""
        return next((s for d in secrets.digests(key) if (s := self.services_by_key.get(d))), None)

    def source_by_key(self, key: str) -> KnownSource | None:
        """The source behind ``/in/<key>``."""
        return next((s for d in secrets.digests(key) if (s := self.sources_by_key.get(d))), None)

    def service_for(self, source: KnownSource, name: str = "") -> KnownService | None:
        """The service of a signal of *source*: the one that it names, else the source's, else the workspace's default one.

        None when the workspace has no default service (it is being set up).
        """
        return (
            (self.services_by_name.get((source.workspace_id, name.lower())) if name else None)
            or (self.services.get(source.service_id) if source.service_id else None)
            or self.default_services.get(source.workspace_id)
        )

    def route(self, source: KnownSource, service_name: str = "") -> Route | None:
        """The route of a signal of *source*, by :meth:`service_for`; None when there is no service."""
        service = self.service_for(source, service_name)
        if service is None:
            return None
        route = self.routes.get((source.pk, service.pk))
        if route is None:
            route = self.routes[source.pk, service.pk] = Route.of(source, service)
        return route


def _load() -> Directory:
    directory = Directory()
    for pk, slug, name in Workspace.objects.values_list("pk", "slug", "name"):
        directory.workspaces_by_slug[slug] = pk
        directory.workspaces_by_name[name.lower()] = pk
    directory.primary_workspace = directory.workspaces_by_slug.get(PRIMARY_WORKSPACE)
    for row in Service.objects.listed().only(
        "id", "workspace_id", "name", "default_priority", "is_default", "routing_key_digest"
    ):
        service = KnownService(row.pk, row.workspace_id, row.default_priority)
        directory.services[row.pk] = service
        directory.services_by_key[row.routing_key_digest] = service
        directory.services_by_name[row.workspace_id, row.name.lower()] = service
        if row.is_default:
            directory.default_services[row.workspace_id] = service
    for known in Source.objects.defer("key_sealed", "created_at"):
        kind = SourceKind(known.kind)
        source = KnownSource(
            known.pk, known.workspace_id, kind, known.service_id, known.enabled, known.limit_per_minute
        )
        directory.sources_by_key[known.key_digest] = source
        if known.is_default:
            directory.default_sources[known.workspace_id, kind] = source
    return directory


_snapshot: Snapshot[Directory] = Snapshot("directory", _load, Directory())

refresh = _snapshot.refresh
refresh_if_old = _snapshot.refresh_if_old
refresh_after_miss = _snapshot.refresh_after_miss
forget = _snapshot.forget


def age() -> float:
    """Seconds since the database last answered."""
    return _snapshot.age


def current() -> Directory:
    """What is known right now. Memory only; safe on an event loop."""
    return _snapshot.value
