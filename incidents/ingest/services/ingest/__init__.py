"""The verb of ingest: a batch of arrivals becomes alerts, incidents and timeline entries in one transaction (ADR 3).

:func:`ingest` takes any number of arrivals and needs a fixed number of statements for each wave (``fold.waves``). The
database decides whether a problem is new: 64 concurrent triggers of one problem make one incident with 64 occurrences,
in any number of processes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from weakref import WeakSet

import psycopg
from django.db import DataError, IntegrityError, InternalError, ProgrammingError, connection, transaction

from aiops.kernel import live
from aiops.kernel.events import HandlerFailed
from aiops.kernel.ids import uuid7
from aiops.kernel.sql import prepared_cursor
from incidents import metrics
from incidents.choices import Priority, Result
from incidents.contracts import Arrival, Outcome, Route, RoutedService, RoutedSource, Signal
from incidents.ingest.services.ingest import statements
from incidents.ingest.services.ingest.fold import waves
from incidents.ingest.services.ingest.rows import as_json, event_rows
from incidents.ingest.services.ingest.wave import Wave

log = logging.getLogger(__name__)


def _nothing() -> None:
    pass


def ingest(
    arrivals: Sequence[Arrival], now: datetime, *, seen_before: bool = False, meanwhile: Callable[[], None] = _nothing
) -> list[Outcome]:
    """Apply *arrivals* and tell what became of each, in their order. All or nothing: raises what the database raises.

    With *seen_before* (a retry after an unknown commit, a replay) arrivals that are stored already are looked up and answered as
    they were answered then, and change nothing. *meanwhile* is called while the database works, before it is waited for.

    Statements are sent without waiting for those before them, and the handlers of events run without savepoints, which cost as
    much as a statement each. If anything fails, which is rare, all is rolled back and done again one by one and with savepoints,
    since only then is it known what failed.
    """
    if not seen_before:
        try:
            return _ingest_at_once(arrivals, now, meanwhile)
        except (HandlerFailed, DataError, IntegrityError, ProgrammingError, InternalError) as failure:
            log.warning("a batch is done again: %s", failure)
    return _ingest_with_care(arrivals, now, seen_before=seen_before)


def submit(
    source: RoutedSource,
    signals: Sequence[Signal],
    now: datetime,
    *,
    service: RoutedService,
    scope: str = "",
    priority: Priority | None = None,
) -> list[Outcome]:
    """Ingest *signals* that the platform raises itself, as of *source* and about *service*; what became of each, in their order.

    *scope* is the name of the app that raises them: its dedup keys never meet those of another app. Without one they share the
    keys of what the source sends. *priority*: instead of the service's, or of what the severity stands for.
    """
    route = Route.of(source, service, scope)
    if priority is not None:
        route = replace(route, service_priority=priority)
    return ingest([Arrival(uuid7(now), now, route, signal) for signal in signals], now)


def _ingest_at_once(arrivals: Sequence[Arrival], now: datetime, meanwhile: Callable[[], None]) -> list[Outcome]:
    batch = _waves(arrivals)
    with transaction.atomic(), connection.wrap_database_errors:
        with connection.connection.pipeline(), prepared_cursor() as cursor:
            _by_index(cursor)
            seen = _seen_events(cursor, arrivals)
            for wave in batch:
                wave.drop(seen)
                wave.apply(cursor, meanwhile)
                wave.record(cursor)
                wave.react(now, savepoints=False)
            meanwhile()
        transaction.on_commit(partial(_announce, batch), robust=True)
    outcomes = {outcome.arrival: outcome for wave in batch for outcome in wave.outcomes}
    return [outcomes[arrival] for arrival in arrivals]


def _ingest_with_care(arrivals: Sequence[Arrival], now: datetime, *, seen_before: bool) -> list[Outcome]:
    with transaction.atomic(), connection.wrap_database_errors, prepared_cursor() as cursor:
        _by_index(cursor)
        outcomes = _seen(cursor, arrivals) if seen_before else {}
        rest = [arrival for arrival in arrivals if arrival not in outcomes]
        batch, seen = _waves(rest), _seen_events(cursor, rest)
        for wave in batch:
            wave.drop(seen)
            wave.apply(cursor)
            wave.record(cursor)
            wave.react(now, savepoints=True)
            outcomes.update((outcome.arrival, outcome) for outcome in wave.outcomes)
        transaction.on_commit(partial(_announce, batch), robust=True)
    return [outcomes[arrival] for arrival in arrivals]


def _by_index(cursor: psycopg.Cursor) -> None:
    if connection.connection not in _dedicated:
        cursor.execute(statements.BY_INDEX, ["true"], prepare=True)


_dedicated: WeakSet[psycopg.Connection] = WeakSet()


def dedicate_connection() -> None:
    """Set this thread's connection up for nothing but ingest, which spares each batch a statement. Do it again after a reconnect;
    close it for good (:func:`abandon_connection`) rather than give it back to the pool."""
    connection.ensure_connection()
    if connection.connection not in _dedicated:
        with prepared_cursor() as cursor:
            cursor.execute(statements.BY_INDEX, ["false"])
        _dedicated.add(connection.connection)


def abandon_connection() -> None:
    """Close this thread's connection itself, so that its settings never reach another thread through the pool."""
    if connection.connection is not None:
        connection.connection.close()
    connection.close()


def _waves(arrivals: Sequence[Arrival]) -> list[Wave]:
    """The waves of *arrivals*, each with numbers for the incidents that it may open."""
    batch = [Wave(rows) for rows in waves(arrivals)]
    for wave in batch:
        wave.reserve_numbers(is_first=wave is batch[0])
    return batch


def _seen_events(cursor: psycopg.Cursor, arrivals: Sequence[Arrival]) -> set[Arrival]:
    """Those of *arrivals* whose message came before, by its sender's own name for it; remembers the others."""
    named = [(arrival.event_digest, arrival) for arrival in arrivals if arrival.signal.event_id]
    if not named:
        return set()
    first: dict[str, Arrival] = {}
    for digest, arrival in named:
        first.setdefault(digest, arrival)
    rows = event_rows({digest: arrival.received_at for digest, arrival in first.items()})
    cursor.execute(statements.FIRST_TIME, [as_json(rows)], prepare=True)
    fresh = {first[digest] for (digest,) in cursor.fetchall()}
    return {arrival for _, arrival in named if arrival not in fresh}


def _seen(cursor: psycopg.Cursor, arrivals: Sequence[Arrival]) -> dict[Arrival, Outcome]:
    """What became of those that are stored already."""
    by_id = {arrival.id: arrival for arrival in arrivals}
    rows = [{"id": arrival.id, "received_at": arrival.received_at} for arrival in arrivals]
    cursor.execute(statements.SEEN, [as_json(rows)])
    found: dict[Arrival, Outcome] = {}
    for alert_id, result, incident_id, name, status in cursor.fetchall():
        arrival = by_id[alert_id]
        found[arrival] = Outcome(arrival, Result(result), incident_id, name or "", status or "", "already stored")
    return found


def _announce(batch: list[Wave]) -> None:
    """After the commit: count, and tell the open pages."""
    changed: list[tuple[int, int]] = []
    results: dict[tuple[Any, Any], int] = {}
    for wave in batch:
        for outcome in wave.outcomes:
            route = outcome.arrival.route
            label = (route.source_kind, outcome.result)
            results[label] = results.get(label, 0) + 1
            if outcome.incident_id is not None and outcome.result != Result.IGNORED:
                changed.append((route.workspace_id, outcome.incident_id))
    for (kind, result), count in results.items():
        metrics.SIGNALS.labels(str(kind), str(result)).inc(count)
    live.publish_rows(changed, "ingest")
