"""This process: how long it has run, whether it is stopping, and the parts that start and stop with the web server."""

from __future__ import annotations

import threading
import time
from typing import Protocol

STARTED = time.monotonic()
stopping = threading.Event()  # set at the first word of a stop: readiness says no from then on


class Part(Protocol):
    """Something that runs beside the web server in the same process (worker, beat)."""

    def start(self) -> None:
        """Begin; must not wait for anything slow."""

    def stop(self, seconds: float) -> None:
        """Finish what is running, within *seconds*."""


parts: list[Part] = []  # started in this order when the server starts, stopped in the reverse order


def uptime() -> float:
    """Seconds since the process began."""
    return time.monotonic() - STARTED
