"""Arrivals into waves: pure."""

from __future__ import annotations

import uuid

from incidents.choices import Severity, SignalAction, SourceKind
from incidents.contracts import Arrival, Route
from incidents.ingest.services.ingest.fold import waves
from tests.factories import NOW, make_signal

ROUTE = Route(1, 1, SourceKind.WEBHOOK, 1, None, "source:1")
TRIGGER, ACK, RESOLVE = SignalAction.TRIGGER, SignalAction.ACKNOWLEDGE, SignalAction.RESOLVE


def arrival(key: str, action: SignalAction = TRIGGER, **signal: object) -> Arrival:
    return Arrival(uuid.uuid4(), NOW, ROUTE, make_signal(dedup_key=key, action=action, **signal))


def shape(arrivals: list[Arrival]) -> list[list[tuple[str, str, int]]]:
    return [
        sorted((row.first.signal.dedup_key, str(row.action), len(row.arrivals)) for row in wave)
        for wave in waves(arrivals)
    ]


def test_repeats_of_one_problem_fold_into_one_row() -> None:
    assert shape([arrival("a"), arrival("b"), arrival("a")]) == [[("a", "trigger", 2), ("b", "trigger", 1)]]


def test_another_action_of_the_same_problem_waits_and_keeps_its_order() -> None:
    arrivals = [arrival("a"), arrival("a", RESOLVE), arrival("a"), arrival("b")]
    assert shape(arrivals) == [
        [("a", "trigger", 1), ("b", "trigger", 1)],
        [("a", "resolve", 1)],
        [("a", "trigger", 1)],
    ]


def test_what_follows_a_held_signal_is_held_too() -> None:
    """trigger, resolve, trigger: the second trigger must not overtake the resolve into the first wave."""
    arrivals = [arrival("a"), arrival("a", RESOLVE), arrival("a"), arrival("a")]
    assert shape(arrivals)[0] == [("a", "trigger", 1)]


def test_rows_are_sorted_by_key_so_that_two_processes_never_deadlock() -> None:
    (wave,) = waves([arrival(str(n)) for n in range(20)])
    assert [row.key for row in wave] == sorted(row.key for row in wave)


def test_a_row_takes_the_worst_severity() -> None:
    (wave,) = waves([arrival("a", severity=Severity.LOW), arrival("a", severity=Severity.CRITICAL), arrival("a")])
    assert wave[0].worst == Severity.CRITICAL


def test_the_same_key_in_two_scopes_is_two_problems() -> None:
    other = Route(1, 2, SourceKind.WEBHOOK, 1, None, "source:2")
    (wave,) = waves([arrival("a"), Arrival(uuid.uuid4(), NOW, other, make_signal(dedup_key="a"))])
    assert len(wave) == 2
