"""Keeps the private PostgreSQL running: whatever ends it, it is started again, until we stop it ourselves."""

from __future__ import annotations

import logging
import threading

from aiops.embedded.failure import StartRefused
from aiops.embedded.postgres import Postgres

log = logging.getLogger(__name__)

PAUSES = (0.0, 0.5, 1.0, 2.0, 5.0)  # seconds before the first, second, … attempt in a row; then always the last


class _StopAsked(Exception):
    """We are stopping; no need to go on."""


class Supervisor(threading.Thread):
    """Watches a server that is ready; start it after :meth:`Postgres.wait_until_ready`."""

    def __init__(self, postgres: Postgres) -> None:
        super().__init__(name="postgres-supervisor", daemon=True)
        self._postgres = postgres
        self._stopping = threading.Event()
        self._launching = threading.Lock()  # a stop must not miss a server that is just being launched

    def run(self) -> None:
        while not self._stopping.is_set():
            status = self._postgres.wait()
            if not self._stopping.is_set():
                log.error("PostgreSQL ended unexpectedly (status %s); starting it again", status)
                self._bring_back()

    def _bring_back(self) -> None:
        attempt = 0
        while not self._stopping.wait(PAUSES[min(attempt, len(PAUSES) - 1)]):
            try:
                with self._launching:
                    self._check()
                    self._postgres.launch()
                self._postgres.wait_until_ready(self._check, patience=0)
            except _StopAsked:
                return
            except (StartRefused, OSError) as error:
                attempt += 1
                log.error("%s", error)
            else:
                log.warning("PostgreSQL is back")
                return

    def _check(self) -> None:
        if self._stopping.is_set():
            raise _StopAsked

    def stop(self, seconds: float) -> None:
        """Stop watching, and the server with it, within *seconds*."""
        self._stopping.set()
        launched = self._launching.acquire(timeout=seconds)
        self._postgres.stop(seconds)
        if launched:
            self._launching.release()
        if self.is_alive():
            self.join(1.0)
