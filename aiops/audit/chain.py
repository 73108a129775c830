"""The chain: each event of a workspace gets the next place, and a seal over itself and the seal before it.

One chainer works at a time, under an advisory lock; it seals a batch in one transaction, so a killed one loses nothing. An event
that commits late is sealed late: the order of the chain is that of sealing.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from django.db import OperationalError, connection, transaction

from aiops.audit import keys
from aiops.audit.canonical import canonical
from aiops.audit.models import AuditEvent, AuditSeal
from aiops.kernel.clock import rfc3339

log = logging.getLogger(__name__)

LOCK = 0x6175646974  # "audit"
BATCH = 500
MOST_BATCHES = 100  # in one go; the next sweep goes on
START = "0" * 64  # what the first event of a chain follows

FILL = """
UPDATE audit_auditseal s SET chain = t.chain, position = t.position, previous = t.previous, hash = t.hash, key_id = t.key_id,
    sealed_at = t.sealed_at
FROM jsonb_to_recordset(%s::jsonb) AS t(
    event_id bigint, chain bigint, position bigint, previous text, hash text, key_id text, sealed_at timestamptz)
WHERE s.event_id = t.event_id AND s.position IS NULL
"""


class NotSealed(Exception):
    """Some events can't be sealed; the others of their batch are."""


@dataclass(frozen=True, slots=True)
class Place:
    """The head of a chain: its last position and the hash there."""

    position: int
    hash: str


def seal_all(now: datetime) -> int:
    """Seal every event that is not sealed yet; returns how many: none when another process is at it."""
    sealed = 0
    for _ in range(MOST_BATCHES):
        done = seal_batch(now)
        sealed += done
        if done < BATCH:
            break
    return sealed


def seal_batch(now: datetime, limit: int = BATCH) -> int:
    """Seal up to *limit* events in one transaction; returns how many. Those that can't be sealed stay as they are, and after
    the others were written :class:`NotSealed` names them."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            if not cursor.fetchone()[0]:
                return 0
        blank = AuditSeal.objects.filter(position__isnull=True).order_by("event_id").values("event_id")[:limit]
        events = list(AuditEvent.objects.filter(pk__in=blank).order_by("pk"))
        if not events or _fill(events, now):
            return len(events)
        left = [event.pk for event in events if not _fill([event], now)]
    if left:
        raise NotSealed(f"Events that can't be sealed: {', '.join(map(str, left))}")
    return len(events)


def _fill(events: list[AuditEvent], now: datetime) -> bool:
    """Write the seals of *events*; False: one of them is broken, and nothing was written."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(FILL, [orjson.dumps(_rows(events, now)).decode()])
    except OperationalError:
        raise
    except Exception:
        log.exception("could not seal %s", "a batch" if len(events) > 1 else f"event {events[0].pk}")
        return False
    return True


def _rows(events: list[AuditEvent], now: datetime) -> list[dict[str, Any]]:
    """The filled seals of *events*, which follow the heads of their chains."""
    key = keys.sealing()
    key_id = keys.key_id(key)
    heads = _heads({chain_of(event) for event in events})
    rows = []
    for event in events:
        chain = chain_of(event)
        before = heads[chain]
        made = seal(key, event, chain, before.position + 1, before.hash)
        heads[chain] = Place(before.position + 1, made)
        rows.append(
            {
                "event_id": event.pk,
                "chain": chain,
                "position": before.position + 1,
                "previous": before.hash,
                "hash": made,
                "key_id": key_id,
                "sealed_at": now,
            }
        )
    return rows


def _heads(chains: set[int]) -> dict[int, Place]:
    heads = dict.fromkeys(chains, Place(0, START))
    for chain in chains:
        last = AuditSeal.objects.filter(chain=chain).order_by("-position").first()
        if last is not None and last.position is not None:
            heads[chain] = Place(last.position, last.hash)
    return heads


def chain_of(event: AuditEvent) -> int:
    """The chain that an event belongs to: its workspace's, 0 for what belongs to none."""
    return event.workspace_id or 0


def seal(key: bytes, event: AuditEvent, chain: int, position: int, previous: str) -> str:
    """The HMAC-SHA256 in hex over an event at a place, as canonical JSON."""
    said = {"chain": chain, "position": position, "previous": previous, "event": content(event)}
    return hmac.new(key, canonical(said), hashlib.sha256).hexdigest()


def content(event: AuditEvent) -> dict[str, Any]:
    """All that an event says."""
    return {
        "id": event.pk,
        "at": rfc3339(event.at, timespec="microseconds"),
        "workspace_id": event.workspace_id,
        "verb": event.verb,
        "actor": {
            "kind": event.actor_kind,
            "id": event.actor_id,
            "label": event.actor_label,
            "role": event.actor_role,
        },
        "object": {
            "kind": event.object_kind,
            "id": event.object_id,
            "name": event.object_name,
            "namespace": event.namespace,
        },
        "incident_id": event.incident_id,
        "before": event.before,
        "after": event.after,
        "door": event.door,
        "address": event.address,
        "user_agent": event.user_agent,
    }
