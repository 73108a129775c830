"""One wave through the database: at most one row with one kind of action for each problem."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, datetime
from typing import Any

import psycopg
from django.db import IntegrityError

from incidents.choices import EntryKind, Result, Severity, SignalAction, Status
from incidents.contracts import Arrival, Outcome
from incidents.core.events import IncidentEvent, IncidentFact
from incidents.core.lifecycle import TRANSITIONS, Action
from incidents.core.services import names, reactions
from incidents.core.timeline import Entry
from incidents.ingest.services.ingest import statements
from incidents.ingest.services.ingest.entries import by_source, opening, source_ref
from incidents.ingest.services.ingest.fold import Row
from incidents.ingest.services.ingest.rows import ACTIONS, alert_row, as_json, move_row, trigger_row

Day = tuple[int, date]  # whose numbers: workspace and UTC day
# An acknowledgement that was given back says as well that the problem is there: nobody may have heard of it yet.
TRIGGERS = (SignalAction.TRIGGER, SignalAction.UNACKNOWLEDGE)
HELD = (Status.ACKNOWLEDGED, Status.INVESTIGATING)
UNNAMED = "-000"
SEEN_BEFORE = "this event was seen before"


RESULTS = {
    Action.ACKNOWLEDGE: Result.ACKNOWLEDGED,
    Action.UNACKNOWLEDGE: Result.UNACKNOWLEDGED,
    Action.RESOLVE: Result.RESOLVED,
}
EVENTS = {
    Action.ACKNOWLEDGE: IncidentEvent.ACKNOWLEDGED,
    Action.UNACKNOWLEDGE: IncidentEvent.UNACKNOWLEDGED,
    Action.RESOLVE: IncidentEvent.RESOLVED,
}


class Wave:
    """:meth:`reserve_numbers`, then in the transaction :meth:`apply`, :meth:`record`, :meth:`react`."""

    def __init__(self, rows: list[Row]) -> None:
        self.triggers = [row for row in rows if row.action in TRIGGERS]
        self.moves = [row for row in rows if row.action not in TRIGGERS]
        self.outcomes: list[Outcome] = []
        self._entries: list[Entry] = []
        self._facts: dict[IncidentEvent, list[IncidentFact]] = {}
        self._runs: dict[Day, names.Run] = {}

    def reserve_numbers(self, *, is_first: bool) -> None:
        """Names for every row that may open an incident: for the *first* wave of a batch the database knows which will not."""
        wanted: dict[Day, list[str]] = {}
        for row in self.triggers:
            wanted.setdefault(_day(row), []).append(row.key[1])
        self._runs = {
            (workspace, day): names.take(workspace, day, len(hashes), hashes if is_first else ())
            for (workspace, day), hashes in wanted.items()
        }

    def drop(self, seen: Collection[Arrival]) -> None:
        """Leave out what was *seen* before: it changes nothing."""
        for row in (*self.triggers, *self.moves):
            for arrival in row.arrivals:
                if arrival in seen:
                    self.outcomes.append(Outcome(arrival, Result.IGNORED, reason=SEEN_BEFORE))
            row.arrivals = [arrival for arrival in row.arrivals if arrival not in seen]
        self.triggers = [row for row in self.triggers if row.arrivals]
        self.moves = [row for row in self.moves if row.arrivals]

    def apply(self, cursor: psycopg.Cursor, meanwhile: Callable[[], None] | None = None) -> None:
        """Change the incidents. *meanwhile* is called while the database does it, if the connection lets statements go ahead."""
        if self.triggers:
            rows = []
            for seq, row in enumerate(self.triggers):
                run = self._runs[_day(row)]
                rows.append(trigger_row(seq, row, run.first, run.count))
            cursor.execute(statements.TRIGGER, [as_json(rows)], prepare=True)
            if meanwhile is not None:
                meanwhile()
            by_key = {row.key: row for row in self.triggers}
            for workspace_id, dedup_hash, *result in cursor.fetchall():
                self._triggered(by_key[workspace_id, dedup_hash], *result)
            self._give_numbers_back()
        if self.moves:
            rows = [move_row(seq, row) for seq, row in enumerate(self.moves)]
            cursor.execute(statements.MOVE, [as_json(rows)], prepare=True)
            if meanwhile is not None:
                meanwhile()
            for seq, *result in cursor.fetchall():
                self._moved(self.moves[seq], *result)

    def record(self, cursor: psycopg.Cursor) -> None:
        """Write every alert, and what the timelines have to tell."""
        alerts = [alert_row(outcome) for outcome in self.outcomes]
        raws = [outcome.arrival.signal.raw for outcome in self.outcomes]
        cursor.execute(statements.RECORD, [as_json(alerts), raws, as_json(self._entries)], prepare=True)

    def react(self, now: datetime, *, savepoints: bool) -> None:
        """Let the apps above react, in this transaction."""
        for event, facts in self._facts.items():
            reactions.publish(event, facts, now, savepoints=savepoints)

    def _triggered(
        self, row: Row, pk: int, name: str, status: str, fresh: bool, raised: bool, former_title: str | None, severity: int,
        service_id: int, *beside: Any,
    ) -> None:  # fmt: skip
        result = Result.REPEATED
        if fresh:
            if name.endswith(UNNAMED):
                raise IntegrityError("an incident ended while its problem was counted on")
            result = Result.OPENED if status == Status.OPEN else Result.OPENED_RESOLVED
            self._entries += opening(row.first, pk, Severity(severity), result)
            self._fact(IncidentEvent.OPENED, row, pk, severity, service_id)
            if result == Result.OPENED_RESOLVED:
                self._fact(IncidentEvent.RESOLVED, row, pk, severity, service_id)
        elif raised:
            data = {"severity": Severity(severity).word}
            if former_title is not None:
                data |= {"title": row.telling.title, "former_title": former_title}
            self._entries.append(by_source(row.last, pk, EntryKind.SEVERITY_RAISED, data))
            self._fact(IncidentEvent.SEVERITY_RAISED, row, pk, severity, service_id)
        if row.action == SignalAction.UNACKNOWLEDGE and status in HELD:
            self.moves.append(row)
            return
        for arrival in row.arrivals:
            self.outcomes.append(Outcome(arrival, result, pk, name, status, "", *beside))
            result = Result.REPEATED

    def _moved(
        self, row: Row, pk: int | None, name: str, from_status: str, stale: bool, moved: bool, severity: int, service_id: int,
        *beside: Any,
    ) -> None:  # fmt: skip
        action = ACTIONS[row.action]
        target = TRANSITIONS[action][1]
        if pk is None:
            self._ignored(row, "nothing live has this key")
        elif not moved:
            reason = "about an earlier occurrence" if stale else f"already {from_status}"
            self._ignored(row, reason, pk, name, from_status, *beside)
        else:
            result = RESULTS[action]
            data = {"action": str(action)}
            self._entries.append(by_source(row.last, pk, EntryKind.STATUS_CHANGED, data, from_status, target))
            self._fact(EVENTS[action], row, pk, severity, service_id)
            self.outcomes += [Outcome(arrival, result, pk, name, target, "", *beside) for arrival in row.arrivals]

    def _ignored(
        self, row: Row, reason: str, pk: int | None = None, name: str = "", status: str = "", *beside: Any
    ) -> None:
        self.outcomes += [Outcome(a, Result.IGNORED, pk, name, status, reason, *beside) for a in row.arrivals]

    def _fact(self, event: IncidentEvent, row: Row, pk: int, severity: int, service_id: int) -> None:
        fact = IncidentFact(
            incident_id=pk,
            workspace_id=row.key[0],
            service_id=service_id,
            severity=severity,
            actor=source_ref(row.last),
        )
        self._facts.setdefault(event, []).append(fact)

    def _give_numbers_back(self) -> None:
        """New incidents took the first numbers of each run; the rest is free again."""
        used: dict[Day, int] = {}
        for outcome in self.outcomes:
            if outcome.result in (Result.OPENED, Result.OPENED_RESOLVED):
                of = (outcome.arrival.route.workspace_id, outcome.arrival.received_at.date())
                used[of] = max(used.get(of, 0), int(outcome.incident_name.rpartition("-")[2]))
        for of, run in self._runs.items():
            names.give_back(*of, run, used.get(of, run.first - 1))


def _day(row: Row) -> Day:
    return row.key[0], row.first.received_at.date()
