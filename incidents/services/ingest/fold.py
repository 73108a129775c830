"""Pure: arrivals into waves, waves into one row per problem. No ORM, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from incidents.choices import Severity, SignalAction
from incidents.contracts import Arrival

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
        return max(arrival.signal.severity for arrival in self.arrivals)


def waves(arrivals: Sequence[Arrival]) -> Iterable[list[Row]]:
    """Split *arrivals* so that each wave holds one kind of action per problem, rows sorted by key.

    Repeats fold into their row. A different action of a problem that is already in the wave waits for the next one, and so does
    everything later about that problem, so that order of arrival is kept per problem. Sorted keys keep two processes from
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
            elif key in held or row.action != arrival.signal.action:
                held.add(key)
                waiting.append(arrival)
                continue
            row.arrivals.append(arrival)
        yield [rows[key] for key in sorted(rows)]
        rest = waiting
