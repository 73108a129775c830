"""The standby of the broker: a worker process that got no doorbell for some seconds looks for due rows by itself.

So deadlines are kept while Redis or beat is away.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

from django.db import connections

from aiops.kernel.threads import essential

log = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds without a word


class Standby:
    """A thread that calls each of *duties* (by the name of its task) when ``rang`` has not heard of it for *patience* seconds."""

    def __init__(self, duties: Mapping[str, Callable[[], object]], patience: float = PATIENCE) -> None:
        self._duties, self._patience = duties, patience
        self._heard = dict.fromkeys(duties, time.monotonic())
        self._thread = essential("standby", self._run)

    def start(self) -> None:
        """Begin to wait; it ends with the process."""
        self._thread.start()

    def rang(self, name: str) -> None:
        """The task *name* ran in this process."""
        if name in self._heard:
            self._heard[name] = time.monotonic()

    def _run(self) -> None:
        never = (
            threading.Event()
        )  # time.sleep may raise while the machine's clock is being set, and would end this thread
        while not never.wait(self._pause()):
            for name, duty in self._duties.items():
                if time.monotonic() - self._heard[name] >= self._patience:
                    self._do(name, duty)

    def _pause(self) -> float:
        next_at = min(self._heard.values()) + self._patience
        return max(0.1, next_at - time.monotonic())

    def _do(self, name: str, duty: Callable[[], object]) -> None:
        try:
            duty()
        except Exception as error:  # noqa: BLE001 - PostgreSQL may be away as well; the next look comes in seconds
            log.warning("%s could not be done: %s", name, error)
        finally:
            connections.close_all()
            self._heard[name] = time.monotonic()
