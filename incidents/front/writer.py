"""The one thread of a web process that commits signals: takes what waits, in order, as one transaction.

While the database is busy with a batch the next one gathers, so commits are shared without anybody waiting for company, and the
one before is answered (``answers``). What fails on its data is bisected until only the culprit gets the error. What fails on the
connection is tried again, with the arrivals' own ids, until it is known to be stored or its sender is told to send again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import DataError, Error, IntegrityError

from aiops.kernel import metrics
from aiops.kernel.errors import InvalidInput, Overloaded
from aiops.kernel.threads import essential
from incidents.contracts import Arrival, Outcome
from incidents.front.answers import Answers
from incidents.services.deadletters import Letter, keep
from incidents.services.ingest import abandon_connection, dedicate_connection, ingest

log = logging.getLogger(__name__)

MAX_BATCH = 512  # signals in one transaction
MAX_WAITING = 20_000  # signals; beyond, senders are told to come back
PATIENCE = 9.0  # seconds that a request waits for a database that went away; its sender hears within ten
AWAY = "The database is away; send again."
PAUSES = (0.05, 0.1, 0.2, 0.4)

Settled = list[Outcome] | Exception
Deliver = Callable[[list[tuple["Job", Settled]]], None]


@dataclass(slots=True, eq=False)
class Job:
    """The signals of one request, or a letter to keep. *waiter* is whatever the carrier needs to answer."""

    waiter: Any
    arrivals: Sequence[Arrival] = ()
    letter: Letter | None = None
    give_up_at: float = field(default_factory=lambda: time.monotonic() + PATIENCE)


class Writer:
    """Start it once; :meth:`submit` from any thread; :meth:`stop` finishes what waits.

    *deliver* gets results, each job exactly once; *remind* has ``answers.deliver_late`` called a moment later. Both are called by
    the writer's thread.
    """

    def __init__(self, deliver: Deliver, remind: Callable[[], object]) -> None:
        self._deliver = deliver
        self.answers = Answers(deliver, remind)  # to the batches before this one
        self._settled: list[tuple[Job, Settled]] = []  # of this one
        self._waiting: deque[Job] = deque()
        self._signals = 0
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = essential("ingest-writer", self._run)

    @property
    def waiting(self) -> int:
        """Signals that are not committed yet."""
        return self._signals

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Take nothing new, commit what waits for at most *timeout* seconds, and end."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(timeout)

    def submit(self, job: Job) -> None:
        """Queue *job*; raises :class:`Overloaded` when too much waits already or we are stopping."""
        with self._wake:
            if self._stopping:
                raise Overloaded("The server is stopping; send again.", data={"retry_after": 1})
            if self._signals >= MAX_WAITING:
                metrics.REFUSED.labels("queue_full").inc()
                raise Overloaded("Too many signals are waiting; send again.", data={"retry_after": 5})
            self._waiting.append(job)
            self._signals += len(job.arrivals) or 1
            self._wake.notify()

    def _run(self) -> None:
        while batch := self._take():
            try:
                self._commit(batch)
            except Exception as error:  # the thread must outlive anything: without it nothing is ever stored again
                log.exception("the ingest writer failed on a batch")
                told = {job for job, _ in self._settled}
                self._settled += [(job, error) for job in batch if job not in told]
            finally:
                settled, self._settled = self._settled, []
                with self._wake:
                    self._signals -= sum(len(job.arrivals) or 1 for job in batch)
                    goes_on = bool(self._waiting)
                if goes_on:
                    self.answers.keep(settled)
                else:
                    self.answers.deliver_all()
                    self._deliver(settled)
        abandon_connection()

    def _take(self) -> list[Job]:
        """The next batch, waiting for it; empty when all is done and we are to stop."""
        with self._wake:
            while not self._waiting and not self._stopping:
                self._wake.wait()
            batch: list[Job] = []
            size = 0
            while self._waiting and (not batch or size + len(self._waiting[0].arrivals) <= MAX_BATCH):
                job = self._waiting.popleft()
                batch.append(job)
                size += len(job.arrivals) or 1
            return batch

    def _commit(self, batch: list[Job]) -> None:
        batch = self._still_patient(batch)
        letters = [job for job in batch if job.letter is not None]
        jobs = [job for job in batch if job.letter is None]
        if jobs:
            metrics.BATCH_SIZE.observe(sum(len(job.arrivals) for job in jobs))
            self._store(jobs, seen_before=False)
        if letters:
            self.answers.deliver_all()
        for job in letters:
            if job.letter is not None:
                kept = self._keep(job.letter)
                self._settled.append((job, [] if kept else Overloaded(AWAY, data={"retry_after": 5})))

    def _store(self, jobs: list[Job], *, seen_before: bool) -> None:
        arrivals = [arrival for job in jobs for arrival in job.arrivals]
        attempt = 0
        while True:
            try:
                dedicate_connection()
                outcomes = ingest(
                    arrivals, _now_of(arrivals), seen_before=seen_before, meanwhile=self.answers.deliver_some
                )
                break
            except (
                DataError,
                IntegrityError,
                TypeError,
                ValueError,
            ) as error:  # the last two: it can't even be written down
                self._bisect(jobs, error, seen_before=seen_before)
                return
            except Error as error:
                self.answers.deliver_all()
                abandon_connection()
                log.warning("ingest waits for the database: %s", error)
                jobs = self._still_patient(jobs)
                if not jobs:
                    return
                arrivals = [arrival for job in jobs for arrival in job.arrivals]
                seen_before = True  # the commit may have gone through before the connection went
                time.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
                attempt += 1
        rest = iter(outcomes)  # in the order of the arrivals
        self._settled += [(job, list(islice(rest, len(job.arrivals)))) for job in jobs]

    def _bisect(self, jobs: list[Job], error: Exception, *, seen_before: bool) -> None:
        """One bad signal never fails its neighbours: halve until the culprit is alone."""
        if len(jobs) == 1:
            job = jobs[0]
            log.error("a signal can't be stored: %s", error)
            refusal = InvalidInput("This signal can't be stored as it is; it was kept for inspection.")
            self._settled.append((job, refusal))
            self._keep(Letter.of_arrivals(job.arrivals, str(error)))
            return
        middle = len(jobs) // 2
        self._store(jobs[:middle], seen_before=seen_before)
        self._store(jobs[middle:], seen_before=seen_before)

    def _still_patient(self, jobs: list[Job]) -> list[Job]:
        """Those whose senders still wait. The others were told to send again, and are not stored behind their backs."""
        now = time.monotonic()
        for job in jobs:
            if job.give_up_at <= now:
                self._settled.append((job, Overloaded(AWAY, data={"retry_after": 5})))
        return [job for job in jobs if job.give_up_at > now]

    def _keep(self, letter: Letter) -> bool:
        """Whether a letter could be stored."""
        try:
            keep(letter)
        except Error as error:
            abandon_connection()
            log.error("could not keep a body that could not be read: %s", error)
            return False
        return True


def _now_of(arrivals: Sequence[Arrival]) -> datetime:
    """The batch's instant: its latest arrival. The clock was read at the door."""
    return max(arrival.received_at for arrival in arrivals)
