"""Work in a process of its own: it answers, or ends when it costs too much, and says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aiops.kernel.bounded import Exhausted, Failed, run
from aiops.kernel.errors import InvalidInput
from tests.kernel import bounded_work
from tests.limits.budget import cpu_budget


def test_bytes_and_arguments_go_in_and_a_value_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOPS_SECRET_KEY", "hush")
    answer = run(bounded_work.length, b"\x00\xff" * 500_000, times=3)
    assert answer == {"length": 3_000_000, "secrets": []}


@pytest.mark.parametrize(
    ("function", "limits", "what"),
    [
        (bounded_work.spin, {"cpu": 1}, "cpu"),
        (bounded_work.sleep, {"wall": 0.5}, "wall"),
        (bounded_work.grow, {}, "memory"),
        (bounded_work.talk, {}, "answer"),
    ],
)
def test_what_costs_too_much_ends_and_says_of_what(function: Any, limits: dict[str, Any], what: str) -> None:
    with cpu_budget(4), pytest.raises(Exhausted) as refusal:
        run(function, **limits)
    assert refusal.value.field == what


def test_a_refusal_of_the_function_is_the_callers() -> None:
    with pytest.raises(InvalidInput) as refusal:
        run(bounded_work.refuse)
    assert (refusal.value.message, refusal.value.details, refusal.value.field) == (
        "A name is missing",
        "Give one.",
        "name",
    )


def test_anything_else_it_trips_over_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failed) as refusal:
        run(bounded_work.stumble)
    assert "KeyError" in refusal.value.details
    with pytest.raises(Failed) as refusal:
        run(bounded_work.write, path=str(tmp_path / "out"))
    assert "OSError" in refusal.value.details


def test_parts_of_the_work_are_cut_short_one_by_one() -> None:
    assert run(bounded_work.spin_in_turns, turns=5) == 5
