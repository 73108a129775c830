"""The doorbell: after a commit it wakes the workers, because rows are due. A lost ring costs one sweep and no message.

Rings are coalesced and sent by a thread of their own, since a broker that refuses would hold a request up for a second.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from celery import current_app
from django.conf import settings

from aiops.kernel.threads import essential

log = logging.getLogger(__name__)

TASK = "notifications.tasks.page"
PAUSE = 0.02  # seconds between two rings; the first after a quiet spell goes at once
SILENT = 60.0  # seconds between two lines in the log about a broker that is away


class Doorbell:
    """One thread, started with the first ring."""

    def __init__(self) -> None:
        self._wanted = threading.Event()
        self._pause = threading.Event()  # never set
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._silent_until = 0.0
        self._here = threading.local()

    @contextmanager
    def without_ringing(self) -> Iterator[None]:
        """What this thread makes due it looks for itself: nobody else has to be told."""
        self._here.is_silent = True
        try:
            yield
        finally:
            self._here.is_silent = False

    def ring(self) -> None:
        """Something is due. Never blocks, never raises."""
        if getattr(self._here, "is_heard", False):
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
                current_app.send_task(TASK, queue="paging", expires=settings.AIOPS_TASKS_EXPIRE, ignore_result=True)
            except Exception as error:  # noqa: BLE001 - whatever a broker raises: the sweep finds what is due
                if time.monotonic() >= self._silent_until:
                    self._silent_until = time.monotonic() + SILENT
                    log.warning("the doorbell does not ring, the sweep has to do: %s", error)
            self._pause.wait(PAUSE)  # time.sleep may raise while the machine's clock is being set


_bell = Doorbell()
ring, without_ringing = _bell.ring, _bell.without_ringing
