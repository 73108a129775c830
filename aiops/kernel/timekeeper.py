"""The timekeeper: keeps the clock of this process in step with PostgreSQL's. Machines with different clocks would page
early, late or never.
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

from django.db import Error, connection

from aiops.kernel import clock
from aiops.kernel.threads import essential

log = logging.getLogger(__name__)

EVERY = 5.0  # seconds between two looks
TOLERANCE = timedelta(milliseconds=500)  # and as long as the answer took
NOTABLE = timedelta(seconds=5)  # what is said in the log


def agree() -> timedelta:
    """Ask PostgreSQL for the time, and follow it where it says something else; returns by how much it was ahead of us.

    Raises ``django.db.Error`` when it does not answer.
    """
    asked = clock.utcnow()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        told = cursor.fetchone()[0]
    heard = clock.utcnow()
    ahead: timedelta = told - (asked + (heard - asked) / 2)
    if abs(ahead) <= TOLERANCE + (heard - asked):
        return timedelta(0)
    clock.follow(told)
    if abs(ahead) >= NOTABLE:
        log.warning("PostgreSQL's clock differs by %+.1f s; this process follows it", ahead.total_seconds())
    return ahead


class Timekeeper:
    """A thread that looks every few seconds. A part of the web process (``aiops.process``), and of each process of a worker."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = essential("timekeeper", self._run)

    def start(self) -> None:
        """Agree now, then from time to time."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Look no more; waits for at most *seconds*."""
        self._stop.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while True:
            try:
                agree()
            except Error as error:
                log.debug("PostgreSQL does not tell the time: %s", error)
            finally:
                connection.close()
            if self._stop.wait(EVERY):
                return
