"""Signals in, incidents out: the one way an alert takes, set-based and race-free (design: docs/architecture.md).

:func:`ingest` handles a batch of any size in one transaction with a fixed number of statements per wave (``fold.waves``). The
database decides what is new: 64 concurrent triggers of one problem make one incident with 64 occurrences, in any number of
processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import orjson
import psycopg
from django.db import connection, transaction

from aiops.kernel import ids, live, metrics
from incidents.choices import EntryKind, Priority, Result, Severity, SignalAction, Status
from incidents.contracts import Arrival, Outcome
from incidents.lifecycle import TRANSITIONS, Action
from incidents.services import names, reactions
from incidents.services.ingest import statements
from incidents.services.ingest.entries import alert_row, entry, opening, source_actor
from incidents.services.ingest.fold import Row, waves

ACTIONS = {SignalAction.ACKNOWLEDGE: Action.ACKNOWLEDGE, SignalAction.RESOLVE: Action.RESOLVE}

PRIORITY_OF = {
    Severity.CRITICAL: Priority.P1,
    Severity.HIGH: Priority.P2,
    Severity.MEDIUM: Priority.P3,
    Severity.LOW: Priority.P4,
    Severity.INFO: Priority.P4,
}


def ingest(arrivals: Sequence[Arrival], now: datetime, *, seen_before: bool = False) -> list[Outcome]:
    """Apply *arrivals* and tell what became of each, in their order. All or nothing: raises what the database raises.

    With *seen_before* (a retry after an unknown commit, a replay) arrivals that are stored already are looked up and answered as
    they were answered then, and change nothing.
    """
    outcomes: dict[Any, Outcome] = {}
    batch = [_Wave(rows) for rows in waves(arrivals)] if not seen_before else []
    for wave in batch:
        wave.reserve_numbers()
    with transaction.atomic(), connection.wrap_database_errors, _server_bound_cursor() as cursor:
        if seen_before:
            outcomes = _seen(cursor, arrivals)
            batch = [_Wave(rows) for rows in waves([a for a in arrivals if a.id not in outcomes])]
            for wave in batch:
                wave.reserve_numbers()
        for wave in batch:
            with connection.connection.pipeline():  # begin, setting and first statement travel together
                cursor.execute(statements.BY_INDEX, prepare=True)
                wave.apply(cursor)
            wave.record(cursor)
            wave.react(now)
            outcomes.update((outcome.arrival.id, outcome) for outcome in wave.outcomes)
        transaction.on_commit(partial(_announce, list(batch)), robust=True)
    return [outcomes[arrival.id] for arrival in arrivals]


def _server_bound_cursor() -> psycopg.Cursor:
    """A cursor past Django's, which binds in the client: this one's statements keep their plans on the server."""
    return psycopg.Cursor(connection.connection)


def _seen(cursor: Any, arrivals: Sequence[Arrival]) -> dict[Any, Outcome]:
    by_id = {arrival.id: arrival for arrival in arrivals}
    cursor.execute(statements.SEEN, [_json([{"id": a.id, "received_at": a.received_at} for a in arrivals])])
    return {
        row[0]: Outcome(by_id[row[0]], Result(row[1]), row[2], row[3] or "", row[4] or "", "already stored")
        for row in cursor.fetchall()
    }


class _Wave:
    """One pass over the database: rows with one kind of action per problem."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.triggers = [row for row in rows if row.action == SignalAction.TRIGGER]
        self.moves = [row for row in rows if row.action != SignalAction.TRIGGER]
        self.outcomes: list[Outcome] = []
        self.entries: list[dict[str, Any]] = []
        self.facts: dict[str, list[dict[str, Any]]] = {}
        self.blocks: dict[Any, tuple[names.Numbers, int]] = {}  # with the number the block began with

    def reserve_numbers(self) -> None:
        """Names for every row that may open an incident; what is not used goes back to the block."""
        wanted: dict[Any, int] = {}
        for row in self.triggers:
            day = (row.key[0], row.first.received_at.date())
            wanted[day] = wanted.get(day, 0) + 1
        for (workspace_id, day), count in wanted.items():
            block = names.numbers(workspace_id, day, count)
            self.blocks[workspace_id, day] = (block, block.first)
            block.first += count  # a later wave of this batch must not use them too

    def apply(self, cursor: Any) -> None:
        """Change the incidents."""
        if self.triggers:
            rows = {row.key: row for row in self.triggers}
            cursor.execute(statements.TRIGGER, [_json(self._trigger_rows())], prepare=True)
            for workspace_id, dedup_hash, *result in cursor.fetchall():
                self._triggered(rows[workspace_id, dedup_hash], *result)
            self._give_numbers_back()
        if self.moves:
            cursor.execute(statements.MOVE, [_json(self._move_rows())], prepare=True)
            for seq, *result in cursor.fetchall():
                self._moved(self.moves[seq], *result)

    def record(self, cursor: Any) -> None:
        """Write every alert, and what the timeline has to tell."""
        alerts = [alert_row(outcome) for outcome in self.outcomes]
        raws = [outcome.arrival.signal.raw for outcome in self.outcomes]
        cursor.execute(statements.RECORD, [_json(alerts), raws, _json(self.entries)], prepare=True)

    def react(self, now: datetime) -> None:
        """Let the apps above react, in this transaction."""
        for event, facts in self.facts.items():
            reactions.publish(event, facts, now)

    def _trigger_rows(self) -> list[dict[str, Any]]:
        return [
            _trigger_row(seq, row, self.blocks[row.key[0], row.first.received_at.date()][1])
            for seq, row in enumerate(self.triggers)
        ]

    def _move_rows(self) -> list[dict[str, Any]]:
        rows = []
        for seq, row in enumerate(self.moves):
            starts, target = TRANSITIONS[ACTIONS[row.action]]
            last, signal = row.last, row.last.signal
            rows.append(
                {
                    "seq": seq, "workspace_id": row.key[0], "dedup_hash": row.key[1], "action": ACTIONS[row.action],
                    "starts": starts, "to_status": target, "started_at": signal.started_at, "occurred_at": signal.occurred_at,
                    "at": last.received_at, "by": source_actor(last).label,
                }
            )  # fmt: skip
        return rows

    def _triggered(
        self,
        row: Row,
        pk: int,
        name: str,
        status: str,
        fresh: bool,
        raised: bool,
        severity: int,
        service_id: int,
        *beside: Any,
    ) -> None:
        first = row.first
        if fresh:
            result = Result.OPENED if status == Status.OPEN else Result.OPENED_RESOLVED
            self.entries += opening(first, pk, Severity(severity), result)
            self._fact("incident.opened", row, pk, severity, service_id)
            if result == Result.OPENED_RESOLVED:
                self._fact("incident.resolved", row, pk, severity, service_id)
        else:
            result = Result.REPEATED
            if raised:
                data = {"severity": Severity(severity).word}
                self.entries.append(
                    entry(pk, row.last.received_at, EntryKind.SEVERITY_RAISED, source_actor(row.last), data)
                )
                self._fact("incident.severity_raised", row, pk, severity, service_id)
        self.outcomes.append(Outcome(first, result, pk, name, status, "", *beside))
        self.outcomes += [
            Outcome(arrival, Result.REPEATED, pk, name, status, "", *beside) for arrival in row.arrivals[1:]
        ]

    def _moved(
        self, row: Row, pk: int | None, name: str | None, from_status: str | None, stale: bool | None, moved: bool,
        severity: int | None, service_id: int | None, *beside: Any,
    ) -> None:  # fmt: skip
        action = ACTIONS[row.action]
        target = TRANSITIONS[action][1]
        ignored = Result.IGNORED
        if pk is None:
            self.outcomes += [Outcome(a, ignored, reason="nothing live has this key") for a in row.arrivals]
            return
        if not moved:
            reason = "about an earlier occurrence" if stale else f"already {from_status}"
            self.outcomes += [
                Outcome(a, ignored, pk, name or "", from_status or "", reason, *beside) for a in row.arrivals
            ]
            return
        last = row.last
        result = Result.RESOLVED if action == Action.RESOLVE else Result.ACKNOWLEDGED
        data = {"action": str(action)}
        self.entries.append(
            entry(pk, last.received_at, EntryKind.STATUS_CHANGED, source_actor(last), data, from_status or "", target)
        )
        self._fact(f"incident.{target}", row, pk, severity or 0, service_id or 0)
        for arrival in row.arrivals:
            self.outcomes.append(Outcome(arrival, result, pk, name or "", target, "", *beside))

    def _fact(self, event: str, row: Row, pk: int, severity: int, service_id: int) -> None:
        self.facts.setdefault(event, []).append(
            {"incident_id": pk, "workspace_id": row.key[0], "service_id": service_id, "severity": severity}
        )

    def _give_numbers_back(self) -> None:
        """New incidents took the first numbers of the run: unless a later wave reserved behind us, the rest is free again."""
        used: dict[Any, int] = {}
        for outcome in self.outcomes:
            if outcome.result in (Result.OPENED, Result.OPENED_RESOLVED):
                day = (outcome.arrival.route.workspace_id, outcome.arrival.received_at.date())
                used[day] = max(used.get(day, 0), int(outcome.incident_name.rpartition("-")[2]))
        for day, (block, began) in self.blocks.items():
            reserved = sum(1 for row in self.triggers if (row.key[0], row.first.received_at.date()) == day)
            if block.first == began + reserved:
                block.first = max(began, used.get(day, 0) + 1)


def _trigger_row(seq: int, row: Row, number_base: int) -> dict[str, Any]:
    first, last, signal, route = row.first, row.last, row.first.signal, row.first.route
    severity = row.worst
    occurred = [a.signal.occurred_at for a in row.arrivals if a.signal.occurred_at]
    started = [a.signal.started_at for a in row.arrivals if a.signal.started_at]
    return {
        "seq": seq,
        "workspace_id": row.key[0],
        "dedup_hash": row.key[1],
        "dedup_key": signal.dedup_key,
        "dedup_strategy": signal.dedup_strategy,
        "service_id": route.service_id,
        "source_id": route.source_id,
        "title": signal.title,
        "description": signal.description,
        "severity": severity,
        "priority": route.service_priority or PRIORITY_OF[severity],
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
        "occurrences": len(row.arrivals),
        "started_at": max(started) if started else None,
        "last_occurred_at": max(occurred) if occurred else None,
        "created_at": first.received_at,
        "last_seen_at": last.received_at,
        "name_prefix": ids.incident_name_prefix(first.received_at.date()),
        "number_base": number_base,
        "actor": source_actor(last).label,
    }


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _announce(batch: list[_Wave]) -> None:
    """After the commit: count, and tell the open pages."""
    changed: dict[int, set[int]] = {}
    signals: dict[int, int] = {}
    results: dict[tuple[str, str], int] = {}
    for wave in batch:
        for outcome in wave.outcomes:
            route = outcome.arrival.route
            label = (str(route.source_kind), str(outcome.result))
            results[label] = results.get(label, 0) + 1
            if outcome.incident_id is not None and outcome.result != Result.IGNORED:
                changed.setdefault(route.workspace_id, set()).add(outcome.incident_id)
                signals[route.workspace_id] = signals.get(route.workspace_id, 0) + 1
    for label, count in results.items():
        metrics.SIGNALS.labels(*label).inc(count)
    for workspace_id, incident_ids in changed.items():
        live.publish(workspace_id, incident_ids, "ingest", signals[workspace_id])
