"""Reading policies: what is said reads back the same, what is wrong is named by its path."""

from __future__ import annotations

from typing import Any

import pytest

from aiops.kernel.errors import InvalidInput
from notifications.escalation.definition import Definition, read_window

FULL: dict[str, Any] = {
    "steps": [
        {
            "name": "L1-OnCall",
            "delay_minutes": 0,
            "repeat_every_minutes": 5,
            "repeat_times": 2,
            "targets": [{"kind": "schedule", "id": 7}],
            "conditions": {
                "severities": ["critical", "high"],
                "priorities": ["P1"],
                "window": {"days": [0, 1], "from": "09:00", "to": "17:00", "time_zone": "responder"},
            },
            "otherwise": "stop",
            "urgency": "high",
        },
        {
            "name": "L2",
            "delay_minutes": 15,
            "repeat_every_minutes": 0,
            "repeat_times": 0,
            "targets": [{"kind": "user", "id": 1}, {"kind": "team", "id": 2}, {"kind": "channel", "id": 3}],
            "conditions": {"severities": [], "priorities": [], "window": None},
            "otherwise": "skip",
            "urgency": "auto",
        },
    ],
    "repeat": 1,
    "final_wait_minutes": 10,
    "acknowledge_minutes": 30,
    "fallback_destinations": [4, 5],
    "stop": {"after_minutes": 240, "below_severity": "medium"},
}


def test_what_is_said_reads_back_the_same() -> None:
    assert Definition.of_json(FULL).as_json() == FULL


def test_what_is_left_out_has_a_default() -> None:
    read = Definition.of_json({"steps": [{"targets": [{"kind": "user", "id": 1}]}]})

    assert Definition.of_json(read.as_json()) == read
    assert read.as_json()["final_wait_minutes"] == 15


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ([], "definition"),
        ({"steps": None}, "steps"),
        ({"steps": []}, "steps"),
        ({"steps": ["x"]}, "steps[0]"),
        ({"steps": [{}]}, "steps[0].targets"),
        ({"steps": [{"targets": []}]}, "steps[0].targets"),
        ({"steps": [{"targets": [{"kind": "pet", "id": 1}]}]}, "steps[0].targets[0].kind"),
        ({"steps": [{"targets": [{"kind": "user", "id": "1"}]}]}, "steps[0].targets[0].id"),
        ({"steps": [{"targets": [{"kind": "user", "id": True}]}]}, "steps[0].targets[0].id"),
        ({"repeat": -1}, "repeat"),
        ({"repeat": 1.5}, "repeat"),
        ({"final_wait_minutes": 0}, "final_wait_minutes"),
        ({"acknowledge_minutes": 0}, "acknowledge_minutes"),
        ({"fallback_destinations": "4"}, "fallback_destinations"),
        ({"stop": {"after_minutes": "x"}}, "stop.after_minutes"),
        ({"stop": {"below_severity": "awful"}}, "stop.below_severity"),
        ({"stop": 3}, "stop"),
    ],
)
def test_what_is_wrong_is_named(change: Any, field: str) -> None:
    data = {**FULL, **change} if isinstance(change, dict) else change

    with pytest.raises(InvalidInput) as refused:
        Definition.of_json(data)

    assert refused.value.field == field
    assert str(refused.value).startswith(field)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"delay_minutes": 10_081}, "steps[1].delay_minutes"),
        ({"name": 3}, "steps[1].name"),
        ({"otherwise": "panic"}, "steps[1].otherwise"),
        ({"urgency": ["high"]}, "steps[1].urgency"),
        ({"conditions": {"severities": ["worst"]}}, "steps[1].conditions.severities"),
        ({"conditions": {"severities": "critical"}}, "steps[1].conditions.severities"),
        ({"conditions": {"priorities": ["P9"]}}, "steps[1].conditions.priorities"),
        ({"conditions": {"priorities": [["P1"]]}}, "steps[1].conditions.priorities"),
        ({"conditions": {"window": {"days": [7]}}}, "steps[1].conditions.window.days"),
        ({"conditions": {"window": {"from": "9", "to": "x"}}}, "steps[1].conditions.window.from"),
        (
            {"conditions": {"window": {"from": "09:00", "to": "10:00", "time_zone": "Mars"}}},
            "steps[1].conditions.window.time_zone",
        ),
        (
            {"conditions": {"window": {"from": "09:00", "to": "10:00", "time_zone": ["UTC"]}}},
            "steps[1].conditions.window.time_zone",
        ),
        ({"repeat_times": 1}, "steps[1].repeat_every_minutes"),
        ({"repeat_times": 2, "repeat_every_minutes": 5}, "steps[1].repeat_times"),  # the end comes after ten minutes
    ],
)
def test_what_is_wrong_in_a_step_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Definition.of_json({**FULL, "steps": [FULL["steps"][0], {**FULL["steps"][1], **change}]})

    assert refused.value.field == field


def test_a_routes_window_has_no_responder() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_window({"from": "09:00", "to": "17:00", "time_zone": "responder"}, "window", responder=False)

    assert refused.value.field == "window.time_zone"
    assert read_window({}, "window") is None
