"""The writer thread of a web process: commits the signals that wait, in order, as one transaction.

While the database works on one batch the next one gathers, so requests share commits without waiting for company.
Meanwhile the batch before is answered (``answers``). A request of very many signals is committed in parts, between
those of others. A batch that fails on its data is halved until the one bad signal is alone, which becomes a dead
letter. A batch that fails on the connection is tried again with the arrivals' own ids, until it is known to be stored
or its sender is told to send again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import DataError, Error, IntegrityError

from aiops.kernel.errors import InvalidInput, Overloaded
from aiops.kernel.threads import essential
from incidents import metrics
from incidents.contracts import Arrival, Outcome
from incidents.core.services import names
from incidents.errors import PartlyStored
from incidents.front.answers import Answers
from incidents.ingest.services.ingest import abandon_connection, dedicate_connection, ingest
from incidents.journal.services.dead_letters import Letter, keep

log = logging.getLogger(__name__)

MAX_BATCH = 512  # signals in one transaction
MAX_WAITING = 20_000  # signals; beyond, senders are told to come back
PATIENCE = 9.0  # seconds that a request waits for a database that went away; its sender hears within ten
AWAY = "The database is away; send again."
PAUSES = (0.05, 0.1, 0.2, 0.4)

UNSTORABLE = "This signal can't be stored as it is; it was kept for inspection."

Settled = list[Outcome] | Exception
Deliver = Callable[[list[tuple["Job", Settled]]], None]


@dataclass(slots=True, eq=False)
class Job:
    """The signals of one request, or a letter to keep. *waiter* is whatever the carrier needs to answer.

    *taken* of its signals are with the database or have been; *outcomes* and *errors* is what became of them.
    """

    waiter: Any
    arrivals: Sequence[Arrival] = ()
    letter: Letter | None = None
    give_up_at: float = field(default_factory=lambda: time.monotonic() + PATIENCE)
    taken: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    errors: list[InvalidInput] = field(default_factory=list)

    @property
    def left(self) -> int:
        """What it still asks for: signals, or the place of one for a letter."""
        return len(self.arrivals) - self.taken if self.letter is None else 1 - self.taken

    def take(self, room: int) -> list[Arrival]:
        """Its next signals, at most so many."""
        part = list(self.arrivals[self.taken : self.taken + room])
        self.taken += len(part) or 1
        return part

    @property
    def result(self) -> Settled:
        """What its sender is told."""
        if not self.errors:
            return self.outcomes
        return PartlyStored(self.outcomes, self.errors) if self.outcomes else self.errors[0]


Batch = dict[Job, list[Arrival]]  # the part of each that is its turn


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
                settled_before = {job for job, _ in self._settled}
                self._settled += [(job, error) for job in batch if job not in settled_before]
            finally:
                settled, self._settled = self._settled, []
                told = {job for job, _ in settled}
                with self._wake:
                    self._signals -= sum(len(part) or 1 for part in batch.values())
                    self._signals -= sum(job.left for job in told)  # given up half-way
                    self._waiting += [job for job in batch if job not in told]
                    goes_on = bool(self._waiting)
                if goes_on:
                    self.answers.keep(settled)
                else:
                    self.answers.deliver_all()
                    self._deliver(settled)
        self._end()

    def _end(self) -> None:
        try:
            names.release()
        except Error as error:
            log.warning("numbers that were taken ahead are left out: %s", error)
        abandon_connection()

    def _take(self) -> Batch:
        """The next batch, waiting for it; empty when all is done and we are to stop."""
        with self._wake:
            while not self._waiting and not self._stopping:
                self._wake.wait()
            batch: Batch = {}
            room = MAX_BATCH
            while self._waiting and room > 0 and (not batch or self._waiting[0].left <= room):
                job = self._waiting.popleft()
                room -= min(job.left, room)
                batch[job] = job.take(MAX_BATCH)
            return batch

    def _commit(self, batch: Batch) -> None:
        patient = self._still_patient(batch)
        letters = [job for job in patient if job.letter is not None]
        parts = [(job, arrival) for job in patient for arrival in batch[job]]
        if parts:
            metrics.BATCH_SIZE.observe(len(parts))
            self._store(parts, seen_before=False)
        given_up = {job for job, _ in self._settled}
        done = [job for job in patient if job.letter is None and not job.left and job not in given_up]
        self._settled += [(job, job.result) for job in done]
        if letters:
            self.answers.deliver_all()
        for job in letters:
            if job.letter is not None:
                kept = self._keep(job.letter)
                self._settled.append((job, [] if kept else Overloaded(AWAY, data={"retry_after": 5})))

    def _store(self, parts: list[tuple[Job, Arrival]], *, seen_before: bool) -> None:
        attempt = 0
        while True:
            arrivals = [arrival for _, arrival in parts]
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
                self._bisect(parts, error, seen_before=seen_before)
                return
            except Error as error:
                self.answers.deliver_all()
                abandon_connection()
                log.warning("ingest waits for the database: %s", error)
                patient = set(self._still_patient(dict.fromkeys(job for job, _ in parts)))
                parts = [(job, arrival) for job, arrival in parts if job in patient]
                if not parts:
                    return
                seen_before = True  # the commit may have gone through before the connection went
                time.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
                attempt += 1
        for (job, _), outcome in zip(parts, outcomes, strict=True):
            job.outcomes.append(outcome)

    def _bisect(self, parts: list[tuple[Job, Arrival]], error: Exception, *, seen_before: bool) -> None:
        """One bad signal never fails its neighbours, also of the same request: halve until the culprit is alone."""
        if len(parts) == 1:
            ((job, arrival),) = parts
            log.error("a signal can't be stored: %s", error)
            job.errors.append(InvalidInput(UNSTORABLE))
            self._keep(Letter.of_arrivals([arrival], str(error)))
            return
        middle = len(parts) // 2
        self._store(parts[:middle], seen_before=seen_before)
        self._store(parts[middle:], seen_before=seen_before)

    def _still_patient(self, jobs: Iterable[Job]) -> list[Job]:
        """Those whose senders still wait. The others were told to send again, and are not stored behind their backs."""
        now = time.monotonic()
        patient = []
        for job in jobs:
            if job.give_up_at > now:
                patient.append(job)
            else:
                self._settled.append((job, Overloaded(AWAY, data={"retry_after": 5})))
        return patient

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
