"""Work in children of a helper process: it is answered, or is lost in time, and never takes anything else along."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from aiops.kernel.helper import Helper, Lost
from tests.patience import PATIENCE


def helper(**limits: Any) -> Helper:
    return Helper("tests.kernel.helper_work", **limits)


@pytest.fixture(scope="module")
def one() -> Iterator[Helper]:
    yield helper(cpu=1)


def test_a_request_is_answered_by_a_child_that_knows_no_secret(one: Helper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIOPS_SECRET_KEY", "hush")
    monkeypatch.setenv("DATABASE_URL", "postgresql://hush")
    fresh = helper()
    answers = [fresh.ask({"do": "echo", "word": "ü\n"}) for _ in range(3)]
    assert [(answer.value["said"], answer.said) for answer in answers] == [("ü\n", ["on it"])] * 3
    assert len({answer.value["pid"] for answer in answers}) == 3
    assert len({answer.value["helper"] for answer in answers}) == 1
    assert "hush" not in str(answers[0].value["environment"])
    command = " ".join(psutil.Process(answers[0].value["helper"]).cmdline())
    assert "echo" not in command and "hush" not in command


@pytest.mark.parametrize("deed", ["spin", "grow", "stumble"])
def test_what_costs_too_much_or_trips_is_lost_and_the_next_is_answered(one: Helper, deed: str) -> None:
    with pytest.raises(Lost) as lost:
        one.ask({"do": deed})
    assert lost.value.begun and lost.value.said == []
    assert one.ask({"do": "echo", "word": "next"}).value["said"] == "next"


def test_no_file_is_written(one: Helper, tmp_path: Path) -> None:
    with pytest.raises(Lost):
        one.ask({"do": "write", "path": str(tmp_path / "out")})
    assert not (tmp_path / "out").exists() or (tmp_path / "out").stat().st_size == 0


def test_what_takes_too_long_is_killed_and_holds_nobody_up() -> None:
    slow = helper(wall=3.0)
    lost: list[Lost] = []

    def sleep() -> None:
        try:
            slow.ask({"do": "sleep"})
        except Lost as error:
            lost.append(error)

    sleeper = threading.Thread(target=sleep)
    sleeper.start()
    answer = slow.ask({"do": "echo", "word": "meanwhile"})
    assert answer.value["said"] == "meanwhile" and sleeper.is_alive()
    sleeper.join()
    assert lost[0].begun
    last = slow.ask({"do": "echo", "word": "after"}).value
    assert last["helper"] == answer.value["helper"]
    assert not psutil.pid_exists(int(lost[0].said[0].removeprefix("asleep ")))


def test_a_helper_that_was_killed_is_started_anew() -> None:
    mortal = helper()
    first = mortal.ask({"do": "echo", "word": "one"}).value["helper"]
    os.kill(first, signal.SIGKILL)
    second = mortal.ask({"do": "echo", "word": "two"}).value
    assert second["said"] == "two" and second["helper"] != first


def test_a_helper_that_hangs_itself_is_killed_with_its_children() -> None:
    stuck = helper(wall=0.3)
    before = stuck.ask({"do": "echo", "word": "one"}).value["helper"]
    with pytest.raises(Lost) as lost:
        stuck.ask({"do": "stop the helper"})
    assert lost.value.begun
    assert not psutil.pid_exists(before)
    assert stuck.ask({"do": "echo", "word": "two"}).value["helper"] != before


def test_a_helper_without_its_starter_ends() -> None:
    alone = helper()
    process = psutil.Process(alone.ask({"do": "echo", "word": "one"}).value["helper"])
    alone._control.close()  # type: ignore[union-attr]  # as the kernel does when its starter is killed
    process.wait(PATIENCE)
