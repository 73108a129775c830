"""One pass over the database: rows with one kind of action per problem."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import psycopg

from incidents.choices import EntryKind, Result, Severity, SignalAction, Status
from incidents.contracts import Outcome
from incidents.lifecycle import TRANSITIONS, Action
from incidents.services import names, reactions
from incidents.services.ingest import statements
from incidents.services.ingest.entries import Entry, by_source, opening
from incidents.services.ingest.fold import Row
from incidents.services.ingest.rows import ACTIONS, alert_row, as_json, move_row, trigger_row

Day = tuple[int, date]  # whose numbers: workspace and UTC day


class Wave:
    """:meth:`reserve_numbers`, then in the transaction :meth:`apply`, :meth:`record`, :meth:`react`."""

    def __init__(self, rows: list[Row]) -> None:
        self.triggers = [row for row in rows if row.action == SignalAction.TRIGGER]
        self.moves = [row for row in rows if row.action != SignalAction.TRIGGER]
        self.outcomes: list[Outcome] = []
        self._entries: list[Entry] = []
        self._facts: dict[str, list[dict[str, Any]]] = {}
        self._runs: dict[Day, names.Run] = {}

    def reserve_numbers(self) -> None:
        """Names for every row that may open an incident."""
        wanted: dict[Day, int] = {}
        for row in self.triggers:
            day = _day(row)
            wanted[day] = wanted.get(day, 0) + 1
        self._runs = {(workspace, day): names.take(workspace, day, n) for (workspace, day), n in wanted.items()}

    def apply(self, cursor: psycopg.Cursor, meanwhile: Callable[[], None] | None = None) -> None:
        """Change the incidents. *meanwhile* is called while the database does it, if the connection lets statements go ahead."""
        if self.triggers:
            rows = [trigger_row(seq, row, self._runs[_day(row)].first) for seq, row in enumerate(self.triggers)]
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
        result = Result.REPEATED
        if fresh:
            result = Result.OPENED if status == Status.OPEN else Result.OPENED_RESOLVED
            self._entries += opening(row.first, pk, Severity(severity), result)
            self._fact("incident.opened", row, pk, severity, service_id)
            if result == Result.OPENED_RESOLVED:
                self._fact("incident.resolved", row, pk, severity, service_id)
        elif raised:
            data = {"severity": Severity(severity).word}
            self._entries.append(by_source(row.last, pk, EntryKind.SEVERITY_RAISED, data))
            self._fact("incident.severity_raised", row, pk, severity, service_id)
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
            result = Result.RESOLVED if action == Action.RESOLVE else Result.ACKNOWLEDGED
            data = {"action": str(action)}
            self._entries.append(by_source(row.last, pk, EntryKind.STATUS_CHANGED, data, from_status, target))
            self._fact(f"incident.{target}", row, pk, severity, service_id)
            self.outcomes += [Outcome(arrival, result, pk, name, target, "", *beside) for arrival in row.arrivals]

    def _ignored(
        self, row: Row, reason: str, pk: int | None = None, name: str = "", status: str = "", *beside: Any
    ) -> None:
        self.outcomes += [Outcome(a, Result.IGNORED, pk, name, status, reason, *beside) for a in row.arrivals]

    def _fact(self, event: str, row: Row, pk: int, severity: int, service_id: int) -> None:
        fact = {"incident_id": pk, "workspace_id": row.key[0], "service_id": service_id, "severity": severity}
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
