"""Folding: arrivals into waves, and a wave into one row for each problem. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from incidents.choices import Severity, SignalAction
from incidents.contracts import Arrival, Signal

Key = tuple[int, str]  # workspace, dedup hash


@dataclass(slots=True)
class Row:
    """All arrivals of one wave that say the same about the same problem, in order of arrival."""

    key: Key
    action: SignalAction
    arrivals: list[Arrival] = field(default_factory=list)

    @property
    def first(self) -> Arrival:
        return self.arrivals[0]

    @property
    def last(self) -> Arrival:
        return self.arrivals[-1]

    @property
    def worst(self) -> Severity:
        """The highest severity among them."""
        return self.telling.severity

    @property
    def telling(self) -> Signal:
        """The first signal of the highest severity: its words describe the problem."""
        return max((arrival.signal for arrival in self.arrivals), key=lambda signal: signal.severity)

    def takes(self, signal: Signal) -> bool:
        """Whether *signal* says the same. A resolve of another time is another one: its times tell which trigger it ends."""
        if signal.action != self.action:
            return False
        own = self.first.signal
        return signal.action != SignalAction.RESOLVE or (
            signal.started_at == own.started_at and signal.occurred_at == own.occurred_at
        )


def waves(arrivals: Sequence[Arrival]) -> Iterable[list[Row]]:
    """Split *arrivals* so that each wave holds one kind of action per problem, rows sorted by key.

    Repeats fold into their row. Something different about a problem that is already in the wave waits for the next one, and so
    does everything later about that problem, so that order of arrival is kept per problem. Sorted keys keep two processes from
    deadlocking.
    """
    rest: Sequence[Arrival] = arrivals
    while rest:
        rows: dict[Key, Row] = {}
        waiting: list[Arrival] = []
        held: set[Key] = set()
        for arrival in rest:
            key = (arrival.route.workspace_id, arrival.dedup_hash)
            row = rows.get(key)
            if row is None:
                row = rows[key] = Row(key, arrival.signal.action)
            elif key in held or not row.takes(arrival.signal):
                held.add(key)
                waiting.append(arrival)
                continue
            row.arrivals.append(arrival)
        yield [rows[key] for key in sorted(rows)]
        rest = waiting
