"""Celery inside the web process: beat and one worker per queue, each a thread over the in-process broker."""

from __future__ import annotations

import logging
import threading
import time

from celery import Celery
from celery.beat import Service
from celery.worker import WorkController

from aiops.celery import QUEUES, app, make_app

log = logging.getLogger(__name__)

THREADS = {"paging": 4, "long": 2}


class QueueWorker:
    """The worker of one queue. It has a Celery app of its own, since an app can consume only one set of queues."""

    def __init__(self, queue: str) -> None:
        self.queue = queue
        self._controller: WorkController | None = None
        self._thread = threading.Thread(target=self._run, name=f"worker-{queue}", daemon=True)

    def _run(self) -> None:
        own: Celery = make_app(f"aiops-{self.queue}", current=False)
        self._controller = own.WorkController(
            hostname=f"{self.queue}@embedded",
            queues=[self.queue],
            pool_cls="threads",
            concurrency=THREADS[self.queue],
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
        )
        self._controller.start()

    def start(self) -> None:
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Take nothing new from now on."""
        if self._controller is not None:
            self._controller.signal_consumer_close()

    def stop(self, seconds: float) -> None:
        """Let the tasks that run finish, for at most *seconds*; the others are found again by the next sweep."""
        if self._controller is None:
            return
        stopper = threading.Thread(target=self._controller.stop, name=f"stop-{self.queue}", daemon=True)
        stopper.start()
        stopper.join(seconds)
        if stopper.is_alive():
            log.warning("a task of the queue %s is still running; the next start takes its work up again", self.queue)


class Beat:
    """Rings for the periodic tasks. A thread: a process of its own could not reach the in-process broker."""

    def __init__(self) -> None:
        self._service = Service(app, max_interval=1, scheduler_cls=app.conf.beat_scheduler)
        self._thread = threading.Thread(target=self._service.start, name="beat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ring no more. Not waited for: it sleeps for up to a second, and has nothing to finish."""
        self._service.stop()


class Workers:
    """All of them, stopped in order: beat first, then the queues side by side."""

    def __init__(self) -> None:
        self._beat = Beat()
        self._workers = [QueueWorker(queue) for queue in QUEUES]

    def start(self) -> None:
        for worker in self._workers:
            worker.start()
        self._beat.start()

    def stop(self, seconds: float) -> None:
        """Stop all within *seconds*."""
        deadline = time.monotonic() + seconds
        self._beat.stop()
        for worker in self._workers:
            worker.ask_to_stop()
        for worker in self._workers:
            worker.stop(max(0.1, deadline - time.monotonic()))
