"""The sender pool: the threads of a process that call providers.

Each destination has one thread at a time. Each kind of channel of each workspace has threads of its own, so that a mail
server that hangs holds up its own mail and no more.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime

from django.db import connection

from aiops.kernel.clock import utcnow
from aiops.kernel.outbox.lease import Keeper
from notifications.channels import CHANNELS
from notifications.choices import ChannelKind
from notifications.delivery.services.claiming import RENEWED, Batch, claim, renew_claims
from notifications.delivery.services.sending import Channels, Clock, DestinationQueue, queues_of

log = logging.getLogger(__name__)

BATCH = 200  # deliveries that are taken in hand at once
THREADS = 6  # per kind and workspace


Outlets = tuple[ChannelKind, int]  # of a kind, of a workspace


def _outlets(queue: Sequence[Batch]) -> Outlets:
    return ChannelKind(queue[0].delivery.kind), queue[0].delivery.workspace_id


def threads_for(outlets: Outlets) -> Executor:
    """The threads of a kind of outlet of a workspace; an executor of another sort may stand in for them."""
    return ThreadPoolExecutor(THREADS, thread_name_prefix=f"send-{outlets[0]}")


class SenderPool:
    """Takes in hand what is due and can be begun.

    Whenever a queue has ended there may be more to do: *queue_ended* is called in the queue's thread.
    """

    def __init__(
        self,
        channels: Channels = CHANNELS,
        clock: Clock = utcnow,
        queue_ended: Callable[[], None] = lambda: None,
        threads_for: Callable[[Outlets], Executor] = threads_for,
    ) -> None:
        self._queue_ended, self._threads_for = queue_ended, threads_for
        self._channels, self._clock = channels, clock
        self._lock = threading.Lock()
        self._queues: dict[int, Sequence[Batch]] = {}  # in hand
        self._keeper = Keeper(self._in_hand, renew_claims, clock)
        self._threads: dict[Outlets, Executor] = {}  # of those that have queues in hand

    @property
    def is_busy(self) -> bool:
        """Whether queues are under way."""
        with self._lock:
            return bool(self._queues)

    def begin(self, now: datetime, limit: int = BATCH) -> int:
        """Claim what is due, hand it to the threads, and return at once: how many deliveries were taken in hand.

        Passed over is what goes where somebody of this process is speaking already, and outlets whose threads are all taken.
        Not to be called by two threads at once.
        """
        with self._lock:
            heads = [queue[0].delivery for queue in self._queues.values()]
            queues = Counter(map(_outlets, self._queues.values()))
        busy = [head.destination_id for head in heads if head.destination_id is not None]
        full = [outlets for outlets, count in queues.items() if count >= THREADS]
        batches = claim(now, limit, busy=busy, full=full, lease=RENEWED)
        for queue in queues_of(batches):
            self._start(queue)
        if self.is_busy:
            self._keeper.start()
        return sum(len(batch.all) for batch in batches)

    def _start(self, queue: Sequence[Batch]) -> None:
        outlets = _outlets(queue)
        with self._lock:
            self._queues[id(queue)] = queue
            if outlets not in self._threads:
                self._threads[outlets] = self._threads_for(outlets)
            threads = self._threads[outlets]
        threads.submit(self._serve, outlets, queue)  # they stay, since this queue of theirs is in hand

    def _serve(self, outlets: Outlets, queue: Sequence[Batch]) -> None:
        try:
            DestinationQueue(queue, self._channels, self._clock, renewed=True).serve()
        except Exception:
            log.exception("a queue of %s ended early; its claims run out", outlets[0])
        finally:
            if not connection.in_atomic_block:
                connection.close()
            with self._lock:
                del self._queues[id(queue)]
                if outlets not in map(_outlets, self._queues.values()):
                    self._threads.pop(outlets).shutdown(wait=False)
            self._queue_ended()

    def _in_hand(self) -> list[Batch]:
        with self._lock:
            return [batch for queue in self._queues.values() for batch in queue]
