"""The doorbell: tells the workers, after a commit, that something is due. Losing a ring costs one sweep, never the work.

Rings are coalesced and go out from a thread of their own, since a broker that refuses would hold a request up for a second.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from celery import current_app
from django.conf import settings

from aiops.kernel.threads import essential

log = logging.getLogger(__name__)

PAUSE = 0.02  # seconds between two rings; the first after a quiet spell goes at once
SILENT = 60.0  # seconds between two lines in the log about a broker that is away


class Doorbell:
    """Rings for the Celery *task*. One thread, started with the first ring."""

    def __init__(self, task: str, queue: str = "paging") -> None:
        self._task, self._queue = task, queue
        self._wanted = threading.Event()
        self._pause = threading.Event()  # never set
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._silent_until = 0.0
        self._here = threading.local()

    @contextmanager
    def without_ringing(self, instead: Callable[[], None]) -> Iterator[None]:
        """What this thread makes due it looks for itself: nobody else is told, and *instead* is called."""
        self._here.instead = instead
        try:
            yield
        finally:
            self._here.instead = None

    def ring(self) -> None:
        """Something is due. Never blocks, never raises."""
        if (instead := getattr(self._here, "instead", None)) is not None:
            instead()
            return
        with self._lock:
            if self._thread is None or not self._thread.is_alive():  # also in a process that was forked since
                self._thread = essential("doorbell", self._run)
                self._thread.start()
        self._wanted.set()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            try:
                current_app.send_task(
                    self._task, queue=self._queue, expires=settings.AIOPS_TASKS_EXPIRE, ignore_result=True
                )
            except Exception as error:  # noqa: BLE001 - whatever a broker raises: the sweep finds what is due
                if time.monotonic() >= self._silent_until:
                    self._silent_until = time.monotonic() + SILENT
                    log.warning("the doorbell of %s does not ring, the sweep has to do: %s", self._task, error)
            self._pause.wait(PAUSE)  # time.sleep may raise while the machine's clock is being set
