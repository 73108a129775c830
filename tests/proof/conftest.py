"""What the proofs share. Whatever is started here ends with the package; a failure shows what everything that runs has said."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.proof.harness import KEYED, embedded, on_stage
from tests.proof.production import Production, production
from tests.runtime.installation import Installation

TAIL = 6000  # characters of each program's output that a failure shows

logging.getLogger("httpx").setLevel(logging.WARNING)  # whoever polls writes a line for each question


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Iterator[None]:
    report = yield
    if report.failed and item.get_closest_marker("proof"):
        for name, program in on_stage.items():
            ended = program.process.poll() if program.process else None
            state = "is running" if ended is None else f"ended with {ended}"
            report.sections.append((f"{name} {state}, and said", program.output[-TAIL:]))
    return report


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the programs of this run live."""
    return tmp_path_factory.mktemp("proof")


@pytest.fixture(scope="package")
def platform(folder: Path) -> Iterator[Installation]:
    """``python -m aiops run`` as one would run it for others: with API keys."""
    with embedded("platform", folder / "platform", **KEYED) as installation:
        yield installation


@pytest.fixture(scope="package")
def site(folder: Path) -> Iterator[Production]:
    """Production mode: two web, two workers, one beat."""
    with production(folder / "site") as started:
        yield started
