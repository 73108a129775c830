"""The valid API keys, as a snapshot in memory: the front door checks a key without a query.

Each process that serves requests refreshes its snapshot every two seconds. A new or revoked key takes effect within
five.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from aiops.access import envkeys
from aiops.access.actors import Actor, ActorKind, Role
from aiops.access.models import ApiKey, Workspace
from aiops.kernel import secrets
from aiops.kernel.clock import utcnow
from aiops.kernel.snapshot import Snapshot

PRIMARY_WORKSPACE = "ws-primary"


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key's actor and the instant at which it ends (None: never)."""

    actor: Actor
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Keys:
    """The good keys by digest, and whether the database holds any key at all, good or not.

    Before the database has answered we do not know, and nothing opens; nor does it when the last key is revoked or expires.
    """

    known: dict[str, KnownKey]
    exist: bool


def _load() -> Keys:
    known: dict[str, KnownKey] = {}
    now = utcnow()
    primary = Workspace.objects.filter(slug=PRIMARY_WORKSPACE).values_list("pk", flat=True).first()
    if primary is not None:
        for key in envkeys.parse(settings.AIOPS_API_KEYS):
            actor = Actor(ActorKind.API_KEY, f"env:{key.name}", key.name, roles=((primary, key.role),))
            known[secrets.digest(key.raw)] = KnownKey(actor, None)
    rows = list(ApiKey.objects.only("id", "name", "digest", "role", "workspace_id", "expires_at", "revoked_at"))
    for row in rows:
        if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
            continue
        role = Role(row.role)
        actor = Actor(
            ActorKind.API_KEY,
            str(row.pk),
            row.name,
            roles=((row.workspace_id, role),) if row.workspace_id else (),
            everywhere=None if row.workspace_id else role,
        )
        known[row.digest] = KnownKey(actor, row.expires_at)
    return Keys(known, exist=bool(rows))


_snapshot: Snapshot[Keys] = Snapshot("keyring", _load, Keys({}, exist=True))

refresh = _snapshot.refresh
refresh_if_old = _snapshot.refresh_if_old
refresh_after_miss = _snapshot.refresh_after_miss
forget = _snapshot.forget


def current() -> Keys:
    """What is known right now: another object after each refresh, the same one in between."""
    return _snapshot.value


def age() -> float:
    """Seconds since the database last answered."""
    return _snapshot.age


def find(raw: str, now: datetime) -> Actor | None:
    """The actor behind a presented key, None when it is unknown, expired or revoked. Memory only; safe on an event loop."""
    known = _snapshot.value.known
    for digest in secrets.digests(raw):
        key = known.get(digest)
        if key is not None and (key.expires_at is None or key.expires_at > now):
            return key.actor
    return None


def is_empty() -> bool:
    """Whether there is no key anywhere, good or not: neither in the environment nor in the database."""
    return not settings.AIOPS_API_KEYS and not _snapshot.value.exist
