"""Values between ingest's stages: the signal of a sender, its arrival, its route and its outcome. Immutable; no ORM."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, Protocol

from incidents.choices import Result, Severity, SignalAction, SourceKind

ORDERED = (
    "incident_id"  # the dedup strategy of senders that keep incidents themselves: one clock stamps all their events
)


@dataclass(slots=True, kw_only=True)  # a value; not frozen, since that would cost 4 µs a signal
class Signal:
    """One thing a source said. Parsers make it; every text is free of NUL and lone surrogates and cut to the column's length.

    *started_at* is the sender's own start of this occurrence (Alertmanager's ``startsAt``), *occurred_at* its own time of this
    event; both None when the sender gives none. *severity_word* is the sender's word when it had to be coerced, else empty.
    *raw* is this signal's own piece of the body, as bytes. *event_id* is the sender's name for this very message, the same in
    every delivery of it; empty where it gives none.
    """

    action: SignalAction
    dedup_key: str
    dedup_strategy: str
    title: str = ""
    description: str = ""
    severity: Severity = Severity.MEDIUM
    severity_word: str = ""
    source: str = ""
    service: str = ""
    namespace: str = ""
    pod: str = ""
    deployment: str = ""
    resource_kind: str = ""
    resource_name: str = ""
    signal_type: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    links: tuple[Mapping[str, str], ...] = ()
    metric: Mapping[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    occurred_at: datetime | None = None
    raw: bytes = b""
    warnings: tuple[str, ...] = ()
    event_id: str = ""

    @property
    def is_ordered(self) -> bool:
        """Whether *occurred_at* is of one clock for all that is said of this problem, so that it alone tells what came later."""
        return self.dedup_strategy == ORDERED and self.occurred_at is not None


class RoutedSource(Protocol):
    """What routing needs of a source: a row, or what the directory knows of one."""

    @property
    def pk(self) -> int: ...
    @property
    def workspace_id(self) -> int: ...
    @property
    def kind(self) -> str: ...


class RoutedService(Protocol):
    """What routing needs of a service: a row, or what the directory knows of one."""

    @property
    def pk(self) -> int: ...
    @property
    def default_priority(self) -> int | None: ...
    @property
    def is_system(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Route:
    """Where a signal belongs, settled at the door from the credential. *scope* is what its dedup key is unique in."""

    workspace_id: int
    source_id: int
    source_kind: SourceKind
    service_id: int
    service_priority: int | None
    scope: str
    is_system: bool = False  # of a system service

    @classmethod
    def of(cls, source: RoutedSource, service: RoutedService, scope: str = "") -> Route:
        """The route of a signal of *source* about *service*. Its dedup key is unique within the source; with *scope*, the name of
        an app, within what this app says through the source."""
        return cls(
            source.workspace_id,
            source.pk,
            SourceKind(source.kind),
            service.pk,
            service.default_priority,
            f"source:{source.pk}:{scope}" if scope else f"source:{source.pk}",
            service.is_system,
        )

    @classmethod
    def of_service(cls, source: RoutedSource, service: RoutedService) -> Route:
        """The route of an event that came with the service's routing key. Its dedup key is unique within the service."""
        return replace(cls.of(source, service), scope=f"service:{service.pk}")


@dataclass(slots=True, eq=False)  # equal to itself alone, so that it can be looked up by
class Arrival:
    """A signal with the identity it got at the door: retries and replays keep *id* and *received_at*."""

    id: uuid.UUID
    received_at: datetime
    route: Route
    signal: Signal

    @property
    def dedup_hash(self) -> str:
        """Fixed-length identity of the problem: which scope, which dedup key."""
        return dedup_hash(self.route.scope, self.signal.dedup_key)

    @property
    def event_digest(self) -> str:
        """Fixed-length identity of the message, "" where the sender names none."""
        return event_digest(self.route.scope, self.signal.event_id) if self.signal.event_id else ""


def event_digest(scope: str, event_id: str) -> str:
    """BLAKE2b over scope and a sender's own name for one message, 32 hex digits."""
    return blake2b(f"{scope}\0{event_id}".encode(), digest_size=16, person=b"event").hexdigest()


def dedup_hash(scope: str, dedup_key: str) -> str:
    """BLAKE2b over scope and key, 32 hex digits: what "the same problem" means to the database."""
    return blake2b(f"{scope}\0{dedup_key}".encode(), digest_size=16).hexdigest()


@dataclass(slots=True)
class Outcome:
    """What became of one arrival. The incident is absent only when it was ignored. *reason* explains an ``ignored``; the
    last three are the incident's, beside its status."""

    arrival: Arrival
    result: Result
    incident_id: int | None = None
    incident_name: str = ""
    status: str = ""
    reason: str = ""
    suppressed_by: Mapping[str, Any] | None = None
    snoozed_until: datetime | None = None
    escalated_at: datetime | None = None

    @property
    def deduplicated(self) -> bool:
        """Whether it was counted on an incident that existed before."""
        return self.result == Result.REPEATED
