"""Reading policies: what is said reads back the same, what is wrong is named by its path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.kernel.errors import InvalidInput
from notifications.escalation.definition import Definition
from notifications.escalation.routing import Rule

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
        ({"conditions": {"severities": ["worst"]}}, "steps[1].conditions.severities[0]"),
        ({"conditions": {"severities": "critical"}}, "steps[1].conditions.severities"),
        ({"conditions": {"priorities": ["P9"]}}, "steps[1].conditions.priorities[0]"),
        ({"conditions": {"priorities": [["P1"]]}}, "steps[1].conditions.priorities[0]"),
        ({"conditions": {"window": {"days": [7]}}}, "steps[1].conditions.window.days[0]"),
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
        Rule.of_json({"name": "r", "window": {"from": "09:00", "to": "17:00", "time_zone": "responder"}})

    assert refused.value.field == "window.time_zone"
    assert Rule.of_json({"name": "r", "window": {}}).window is None


def _some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: st.none() | values for name, values in fields.items()})


CLOCKS = st.times().map(lambda at: f"{at:%H:%M}")
WINDOWS = st.fixed_dictionaries(
    {"from": CLOCKS, "to": CLOCKS},
    optional={"days": st.lists(st.integers(0, 6)), "time_zone": st.sampled_from(["UTC", "Europe/Berlin"])},
)
IDS = st.integers(1, 2**63 - 1)
SEVERITIES = st.sampled_from(["critical", "high", "medium", "low", "info"])
STEPS = st.builds(
    dict,
    _some(
        name=st.text("abc é", max_size=100),
        conditions=_some(
            severities=st.lists(SEVERITIES), priorities=st.lists(st.sampled_from(["P1", "P4"])), window=WINDOWS
        ),
        otherwise=st.sampled_from(["skip", "stop"]),
        urgency=st.sampled_from(["auto", "high", "low"]),
    ),
    targets=st.lists(
        st.builds(dict, kind=st.sampled_from(["user", "team", "schedule", "channel", "admins"]), id=IDS),
        min_size=1,
        max_size=3,
    ),
    delay_minutes=st.integers(10, 10_080),
    repeat_every_minutes=st.just(4),
    repeat_times=st.integers(0, 2),
)
POLICIES = st.builds(
    dict,
    _some(
        repeat=st.integers(0, 10),
        final_wait_minutes=st.integers(10, 10_080),
        acknowledge_minutes=st.integers(1, 10_080),
        fallback_destinations=st.lists(st.integers(1, 9), max_size=9),
        stop=_some(after_minutes=st.integers(1, 10_080), below_severity=SEVERITIES),
    ),
    steps=st.lists(STEPS, min_size=1, max_size=4),
)
ROUTES = st.builds(
    dict,
    _some(
        severities=st.lists(SEVERITIES),
        labels=st.dictionaries(st.text("ab", min_size=1), st.text("*?x ", min_size=1), max_size=20),
        window=WINDOWS,
        channels=st.lists(st.sampled_from(["slack", " EMAIL ", "log"])),
        destinations=st.lists(IDS, max_size=9),
    ),
    name=st.text("ab", min_size=1, max_size=200),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda within: st.lists(within, max_size=3) | st.dictionaries(st.text(max_size=3), within, max_size=3),
    max_leaves=5,
)


@given(POLICIES)
def test_whatever_a_policy_says_reads_back_the_same(data: dict[str, Any]) -> None:
    read = Definition.of_json(data)
    assert Definition.of_json(read.as_json()) == read


@given(ROUTES)
def test_whatever_a_route_says_reads_back_the_same(data: dict[str, Any]) -> None:
    data = {name: value for name, value in data.items() if value is not None}
    read = Rule.of_json(data)
    assert Rule.of_json(read.as_json()) == read


@given(st.sampled_from([name for name in FULL if name != "steps"] + [*FULL["steps"][0], None]), JSON)
def test_any_other_value_is_read_or_refused_with_its_place(name: str | None, value: Any) -> None:
    step = FULL["steps"][0]
    data = {**FULL, "steps": [{**step, name: value}]} if name in step else {**FULL, name: value} if name else value
    try:
        read = Definition.of_json(data)
    except InvalidInput as refused:
        assert refused.location and refused.message.startswith(f"{refused.field}: ")
        assert name is None or name in refused.location or "repeat_times" in refused.location
    else:
        assert Definition.of_json(read.as_json()) == read
