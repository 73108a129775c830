"""One first start per run; each test gets its own copy of the data directory that it left."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.runtime.installation import Installation

logging.getLogger("httpx").setLevel(logging.WARNING)  # a line per request would bury what failed


@pytest.fixture(scope="session")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation that was started once, raised an incident, and was stopped; what it said is in ``lines``."""
    installation = Installation(tmp_path_factory.mktemp("first") / "data")
    installation.start()
    try:
        installation.wait_until_ready()
        said = list(installation.lines)
        curl = installation.said(r"try it:\n\s+(curl .*)")
        subprocess.run(["/bin/sh", "-c", f"{curl} --fail --silent"], check=True, capture_output=True)
        assert installation.stop() == 0
        installation.lines = said
    finally:
        installation.clean_up()
    return installation


@pytest.fixture
def copy_of(first_start: Installation, tmp_path: Path) -> Iterator[Callable[..., Installation]]:
    """Makes installations that have been started before, each on a data directory of its own."""
    made: list[Installation] = []

    def make(**environment: str) -> Installation:
        data = tmp_path / f"data{len(made)}"
        subprocess.run(["cp", "--archive", str(first_start.data), str(data)], check=True)
        made.append(Installation(data, **environment))
        return made[-1]

    yield make
    for installation in made:
        installation.clean_up()


@pytest.fixture
def running(copy_of: Callable[..., Installation]) -> Installation:
    """One of them, ready."""
    installation = copy_of()
    installation.start()
    installation.wait_until_ready()
    return installation
