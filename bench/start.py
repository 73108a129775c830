"""How long ``make run`` takes to answer, the first time and again, and to stop; on a machine that does nothing else."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.servers import verdict
from tests.runtime.installation import Installation


def took(what: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def run(rounds: int, seconds: float) -> None:
    """A data directory of its own for each round."""
    first: list[float] = []
    again: list[float] = []
    stops: list[float] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="aiops-bench-") as folder:
            installation = Installation(Path(folder) / "data")
            try:
                for starts in (first, again):
                    installation.start()
                    starts.append(took(installation.wait_until_ready))
                    installation.signal(signal.SIGINT)
                    stops.append(took(installation.wait_until_ended))
            finally:
                installation.clean_up()
    verdict("seconds of a second start", again, 5, at_least=False)
    verdict("second start ÷ first start", [b / a for a, b in zip(first, again, strict=True)], 0.7, at_least=False)
    verdict("seconds of a stop", stops, 10, at_least=False)
