"""Parameters of ingest's SQL statements, as JSON rows. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from incidents import ids
from incidents.choices import PRIORITY_OF, SignalAction
from incidents.contracts import Outcome
from incidents.core.lifecycle import TRANSITIONS, Action
from incidents.ingest.services.ingest.fold import Row
from incidents.ingest.services.ingest.trace import source_label, trace

ACTIONS = {
    SignalAction.ACKNOWLEDGE: Action.ACKNOWLEDGE,
    SignalAction.UNACKNOWLEDGE: Action.UNACKNOWLEDGE,
    SignalAction.RESOLVE: Action.RESOLVE,
}


def as_json(value: Any) -> str:
    """*value* as JSON; instants in RFC 3339."""
    return orjson.dumps(value).decode()


def trigger_row(seq: int, row: Row, first_number: int, numbers: int) -> dict[str, Any]:
    """A row of ``statements.TRIGGER``: its first signal describes the incident, in the words of the worst; all of them count."""
    first, last, signal, route = row.first, row.last, row.first.signal, row.first.route
    worst, started_at, occurred_at = signal, signal.started_at, signal.occurred_at
    if first is not last:
        worst = row.telling
        started_at = max((a.signal.started_at for a in row.arrivals if a.signal.started_at), default=None)
        occurred_at = _latest(row)
    return {
        "seq": seq,
        "workspace_id": row.key[0],
        "dedup_hash": row.key[1],
        "dedup_key": signal.dedup_key,
        "dedup_strategy": signal.dedup_strategy,
        "service_id": route.service_id,
        "source_id": route.source_id,
        "title": worst.title,
        "description": worst.description,
        "severity": worst.severity,
        "priority": route.service_priority or PRIORITY_OF[worst.severity],
        "source_name": signal.source,
        "service_name": signal.service,
        "namespace": signal.namespace,
        "pod": signal.pod,
        "deployment": signal.deployment,
        "resource_kind": signal.resource_kind,
        "resource_name": signal.resource_name,
        "signal_type": signal.signal_type,
        "labels": signal.labels,
        "links": signal.links,
        "metric": signal.metric,
        "is_system": route.is_system,
        "occurrences": len(row.arrivals),
        "started_at": started_at,
        "last_occurred_at": occurred_at,
        "ordered": signal.is_ordered,
        "created_at": first.received_at,
        "last_seen_at": last.received_at,
        "name_prefix": ids.incident_name_prefix(first.received_at.date()),
        "number_base": first_number,
        "number_count": numbers,
        "actor": source_label(last),
    }


def move_row(seq: int, row: Row) -> dict[str, Any]:
    """A row of ``statements.MOVE``: what its last signal says. It happened when the latest did, in whatever order they came."""
    action = ACTIONS[row.action]
    starts, target = TRANSITIONS[action]
    last, signal = row.last, row.last.signal
    return {
        "seq": seq,
        "workspace_id": row.key[0],
        "dedup_hash": row.key[1],
        "action": action,
        "starts": starts,
        "to_status": target,
        "started_at": signal.started_at,
        "occurred_at": signal.occurred_at if row.first is last else _latest(row),
        "ordered": signal.is_ordered,
        "at": last.received_at,
        "by": source_label(last),
    }


def _latest(row: Row) -> datetime | None:
    """When the latest of the row's signals happened, by their senders; None: none of them says."""
    return max((a.signal.occurred_at for a in row.arrivals if a.signal.occurred_at), default=None)


def event_rows(digests: dict[str, datetime]) -> list[dict[str, Any]]:
    """Rows of ``statements.FIRST_TIME``."""
    return [{"digest": digest, "received_at": at} for digest, at in digests.items()]


def alert_row(outcome: Outcome) -> dict[str, Any]:
    """A row of ``statements.RECORD``: the alert of one arrival, but for its raw body."""
    arrival, signal = outcome.arrival, outcome.arrival.signal
    return {
        "id": arrival.id,
        "received_at": arrival.received_at,
        "workspace_id": arrival.route.workspace_id,
        "source_id": arrival.route.source_id,
        "service_id": arrival.route.service_id,
        "incident_id": outcome.incident_id,
        "action": signal.action,
        "result": outcome.result,
        "dedup_key": signal.dedup_key,
        "title": signal.title,
        "severity": signal.severity,
        "started_at": signal.started_at,
        "occurred_at": signal.occurred_at,
        "trace": trace(outcome),
    }
