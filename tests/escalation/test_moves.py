"""What a run does next: tables over the pure function. Times are minutes since the run began."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from incidents.choices import Priority, Severity
from notifications.choices import Urgency, WakeReason
from notifications.escalation.definition import Definition
from notifications.escalation.moves import Facts, Move, Position, next_move, why_exhausted
from tests.factories import NOW, minutes

FACTS = Facts(Severity.CRITICAL, Priority.P1, NOW)


def policy(*steps: dict[str, Any], **rest: Any) -> Definition:
    """A policy; each step gets a target and, after the first, a delay of 15 minutes."""
    target = {"targets": [{"kind": "user", "id": 1}]}
    return Definition.of_json(
        {"steps": [{**target, "delay_minutes": 15 if place else 0, **step} for place, step in enumerate(steps)], **rest}
    )


def walk(definition: Definition, facts: Facts = FACTS, start: Position | None = None, at: float = 0) -> list[Any]:
    """Everything that happens if nobody answers: (minute, step told, round), then (minute, how it ends)."""
    position, now, story = start or Position(), NOW + minutes(at), []
    for _ in range(100):
        move = next_move(definition, position, facts, now)
        minute = (now - NOW).total_seconds() / 60
        if move.notify is not None:
            story.append((minute, move.notify, move.position.round if move.position.step else move.position.round - 1))
        if move.next_at is None:
            return [*story, (minute, "exhausted" if move.exhausted else "stopped")]
        position, now = move.position, move.next_at
    raise AssertionError("it never ends")


L3 = ({"name": "L1"}, {"name": "L2"}, {"name": "L3"})


@pytest.mark.parametrize(
    ("definition", "story"),
    [
        pytest.param(policy(*L3), [(0, 0, 0), (15, 1, 0), (30, 2, 0), (45, "exhausted")], id="three levels"),
        pytest.param(policy({}), [(0, 0, 0), (15, "exhausted")], id="one level"),
        pytest.param(policy({}, final_wait_minutes=1), [(0, 0, 0), (1, "exhausted")], id="short end"),
        pytest.param(policy({"delay_minutes": 5}), [(5, 0, 0), (20, "exhausted")], id="waits before the first"),
        pytest.param(policy({}, {"delay_minutes": 0}), [(0, 0, 0), (0, 1, 0), (15, "exhausted")], id="two at once"),
        pytest.param(
            policy({"repeat_every_minutes": 5, "repeat_times": 2}, {}),
            [(0, 0, 0), (5, 0, 1), (10, 0, 2), (15, 1, 2), (30, "exhausted")],
            id="a step repeats while it waits, and the next one comes when it would have",
        ),
        pytest.param(
            policy({}, {"repeat_every_minutes": 7, "repeat_times": 2}),
            [(0, 0, 0), (15, 1, 0), (22, 1, 1), (29, 1, 2), (30, "exhausted")],
            id="the last step repeats too",
        ),
        pytest.param(
            policy({}, {}, repeat=1),
            [(0, 0, 0), (15, 1, 0), (30, 0, 1), (45, 1, 1), (60, "exhausted")],
            id="the whole policy again",
        ),
        pytest.param(
            policy({"repeat_every_minutes": 10, "repeat_times": 1}, repeat=1),
            [(0, 0, 0), (10, 0, 1), (15, 0, 2), (25, 0, 3), (30, "exhausted")],
            id="both repeats, every wave a round of its own",
        ),
        pytest.param(
            policy({}, {"conditions": {"severities": ["low"]}}, {}),
            [(0, 0, 0), (15, 2, 0), (30, "exhausted")],
            id="a step for another severity is passed over at once",
        ),
        pytest.param(
            policy({"conditions": {"priorities": ["P3"]}}, {"conditions": {"priorities": ["P4"]}}, repeat=10),
            [(0, "exhausted")],
            id="no step applies: that is the end, not a circle",
        ),
        pytest.param(
            policy({}, {"conditions": {"priorities": ["P4"]}, "otherwise": "stop"}, {}),
            [(0, 0, 0), (15, "stopped")],
            id="otherwise stop",
        ),
        pytest.param(
            policy(*L3, stop={"after_minutes": 20}), [(0, 0, 0), (15, 1, 0), (20, "stopped")], id="stop after"
        ),
        pytest.param(policy({"delay_minutes": 9}, stop={"after_minutes": 4}), [(4, "stopped")], id="stop before any"),
    ],
)
def test_if_nobody_answers(definition: Definition, story: list[Any]) -> None:
    assert walk(definition) == story


def test_stop_below_a_severity() -> None:
    definition = policy({}, stop={"below_severity": "high"})

    assert walk(definition, replace(FACTS, severity=Severity.MEDIUM)) == [(0, "stopped")]
    assert walk(definition, replace(FACTS, severity=Severity.HIGH))[0] == (0, 0, 0)
    reason = next_move(definition, Position(), replace(FACTS, severity=Severity.LOW), NOW).reason
    assert reason == "severity low is below high, where the policy stops"


AT_L2 = Position(step=2, level=1, round=3, wake=WakeReason.STEP, level_at=NOW)


@pytest.mark.parametrize(
    ("wake", "tell", "round_", "step"),
    [
        (WakeReason.STEP, 2, 3, 3),  # the next level
        (WakeReason.ESCALATED, 2, 3, 3),
        (WakeReason.UNREACHED, 2, 3, 3),
        (WakeReason.RESUMED, 1, 4, 2),  # the same level, as a new wave
        (WakeReason.SEVERITY_RAISED, 1, 4, 2),
        (WakeReason.REPEAT, 1, 4, 2),
    ],
)
def test_why_it_wakes_decides_which_level_is_told(wake: WakeReason, tell: int, round_: int, step: int) -> None:
    move = next_move(policy(*L3), replace(AT_L2, wake=wake), FACTS, NOW)

    assert (move.notify, move.position.round, move.position.step, move.position.level) == (tell, round_, step, tell)


@pytest.mark.parametrize(
    "wake", [WakeReason.RESUMED, WakeReason.SEVERITY_RAISED, WakeReason.ESCALATED, WakeReason.UNREACHED]
)
def test_before_anybody_was_told_every_wake_tells_the_first_level(wake: WakeReason) -> None:
    assert next_move(policy(*L3), Position(wake=wake), FACTS, NOW).notify == 0


def test_a_resumed_run_goes_through_what_is_left_of_it() -> None:
    resumed = replace(AT_L2, wake=WakeReason.RESUMED)

    assert walk(policy(*L3), start=resumed, at=100) == [(100, 1, 4), (115, 2, 4), (130, "exhausted")]


def test_resuming_in_the_wait_before_a_repeat_does_not_lose_the_repeat() -> None:
    definition = policy({}, repeat=1)
    waiting = next_move(definition, Position(), FACTS, NOW).position

    assert walk(definition, start=replace(waiting, wake=WakeReason.RESUMED), at=5) == [
        (5, 0, 1),
        (20, 0, 2),
        (35, "exhausted"),
    ]


def test_escalating_past_the_last_level_is_the_loud_end() -> None:
    told_all = Position(step=3, level=2, wake=WakeReason.ESCALATED, level_at=NOW)

    move = next_move(policy(*L3), told_all, FACTS, NOW)

    assert move.exhausted
    assert why_exhausted(move, anybody_was_told=True) == "everybody was told and nobody answered"


@pytest.mark.parametrize(
    ("at", "tells"), [("2026-03-20T16:59:59+00:00", True), ("2026-03-20T17:00:00+00:00", False)]
)  # a Friday, half-open
def test_hours_of_a_step_on_a_named_clock(at: str, tells: bool) -> None:
    hours = {"days": [0, 1, 2, 3, 4], "from": "09:00", "to": "18:00", "time_zone": "Europe/Berlin"}
    definition = policy({"conditions": {"window": hours}})
    now = NOW.fromisoformat(at)

    move = next_move(definition, Position(), replace(FACTS, started_at=now), now)

    assert (move.notify == 0) is tells
    assert move.exhausted is not tells
    if not tells:
        assert move.skipped[0].reason == "only Mon Tue Wed Thu Fri 09:00–18:00 in Europe/Berlin"


def test_hours_past_midnight_belong_to_the_day_they_began() -> None:
    hours = {"days": [4], "from": "22:00", "to": "06:00", "time_zone": "UTC"}  # Friday night
    definition = policy({"conditions": {"window": hours}})

    def told(text: str) -> bool:
        return next_move(definition, Position(), FACTS, NOW.fromisoformat(text)).notify == 0

    assert told("2026-03-21T05:59:00+00:00")  # Saturday morning
    assert told("2026-03-20T22:00:00+00:00")
    assert not told("2026-03-20T05:00:00+00:00")  # Friday morning: Thursday's night
    assert not told("2026-03-21T22:30:00+00:00")  # Saturday night


def test_a_repeat_whose_hours_are_over_brings_nobody_else_any_sooner() -> None:
    hours = {"from": "14:00", "to": "14:33", "time_zone": "UTC"}  # it is 14:30
    definition = policy({"repeat_every_minutes": 5, "repeat_times": 2, "conditions": {"window": hours}}, {})

    assert walk(definition) == [(0, 0, 0), (15, 1, 0), (30, "exhausted")]


def test_a_repeat_whose_hours_are_over_keeps_the_policys_own_repeat() -> None:
    hours = {"from": "14:00", "to": "14:33", "time_zone": "UTC"}
    definition = policy({"repeat_every_minutes": 5, "repeat_times": 1, "conditions": {"window": hours}}, {}, repeat=1)

    assert [step for _, step, *_ in walk(definition)] == [0, 1, 1, "exhausted"]


@pytest.mark.parametrize(
    ("urgency", "severity", "priority", "expected"),
    [
        ("auto", Severity.CRITICAL, Priority.P4, Urgency.HIGH),
        ("auto", Severity.HIGH, Priority.P3, Urgency.HIGH),
        ("auto", Severity.LOW, Priority.P2, Urgency.HIGH),
        ("auto", Severity.MEDIUM, Priority.P3, Urgency.LOW),
        ("low", Severity.CRITICAL, Priority.P1, Urgency.LOW),
        ("high", Severity.INFO, Priority.P4, Urgency.HIGH),
    ],
)
def test_urgency(urgency: str, severity: Severity, priority: Priority, expected: Urgency) -> None:
    move = next_move(policy({"urgency": urgency}), Position(), Facts(severity, priority, NOW), NOW)

    assert move.urgency == expected


def test_what_is_due_late_is_done_at_once_and_never_in_the_past() -> None:
    definition = policy({"repeat_every_minutes": 5, "repeat_times": 2}, {})
    late = NOW + minutes(600)

    repeat = Position(step=1, level=0, wake=WakeReason.REPEAT, level_at=NOW)
    move = next_move(definition, repeat, FACTS, late)

    assert move.notify == 0
    assert move.next_at == late  # the next level was due long ago


def test_a_move_is_exactly_one_thing() -> None:
    definition = policy(*L3, repeat=2, stop={"after_minutes": 80})
    position, now = Position(), NOW
    for _ in range(50):
        move: Move = next_move(definition, position, FACTS, now)
        assert sum([move.notify is not None, move.wait, move.exhausted, move.stopped]) == 1
        assert (move.next_at is None) == (move.exhausted or move.stopped)
        if move.next_at is None:
            return
        position, now = move.position, move.next_at
