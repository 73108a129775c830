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

from django.db import Error, connection

from aiops.kernel.clock import utcnow
from aiops.kernel.threads import essential
from notifications.channels import CHANNELS
from notifications.choices import ChannelKind
from notifications.delivery.services.claiming import RENEWED, Parcel, claim, renew
from notifications.delivery.services.sending import Channels, Clock, Lane, lanes_of

log = logging.getLogger(__name__)

BATCH = 200  # deliveries that are taken in hand at once
THREADS = 6  # per kind and workspace
RENEW = 3.0  # seconds between two renewals of what is in hand: what a dead process had is free a few seconds after its death


Outlets = tuple[ChannelKind, int]  # of a kind, of a workspace


def _outlets(lane: Sequence[Parcel]) -> Outlets:
    return ChannelKind(lane[0].delivery.kind), lane[0].delivery.workspace_id


def threads_for(outlets: Outlets) -> Executor:
    """The threads of a kind of outlet of a workspace; an executor of another sort may stand in for them."""
    return ThreadPoolExecutor(THREADS, thread_name_prefix=f"send-{outlets[0]}")


class Crew:
    """Takes in hand what is due and can be begun.

    Whenever a lane has ended there may be more to do: *changed* is set, and *lane_ended* called in the lane's thread.
    """

    def __init__(
        self,
        channels: Channels = CHANNELS,
        clock: Clock = utcnow,
        lane_ended: Callable[[], None] = lambda: None,
        threads_for: Callable[[Outlets], Executor] = threads_for,
    ) -> None:
        self.changed = threading.Event()
        self._lane_ended, self._threads_for = lane_ended, threads_for
        self._channels, self._clock = channels, clock
        self._lock = threading.Lock()
        self._lanes: dict[int, Sequence[Parcel]] = {}  # in hand
        self._keeper: threading.Thread | None = None
        self._idle = threading.Event()  # never set
        self._threads: dict[Outlets, Executor] = {}  # of those that have lanes in hand

    @property
    def is_busy(self) -> bool:
        """Whether lanes are under way."""
        with self._lock:
            return bool(self._lanes)

    def begin(self, now: datetime, limit: int = BATCH) -> int:
        """Claim what is due, hand it to the threads, and return at once: how many deliveries were taken in hand.

        Passed over is what goes where somebody of this process is speaking already, and outlets whose threads are all taken.
        Not to be called by two threads at once.
        """
        with self._lock:
            heads = [lane[0].delivery for lane in self._lanes.values()]
            lanes = Counter(map(_outlets, self._lanes.values()))
        busy = [head.destination_id for head in heads if head.destination_id is not None]
        full = [outlets for outlets, count in lanes.items() if count >= THREADS]
        parcels = claim(now, limit, busy=busy, full=full, lease=RENEWED)
        for lane in lanes_of(parcels):
            self._start(lane)
        with self._lock:
            if self._lanes and self._keeper is None:
                self._keeper = essential("leases", self._keep)
                self._keeper.start()
        return sum(len(parcel.all) for parcel in parcels)

    def _start(self, lane: Sequence[Parcel]) -> None:
        outlets = _outlets(lane)
        with self._lock:
            self._lanes[id(lane)] = lane
            if outlets not in self._threads:
                self._threads[outlets] = self._threads_for(outlets)
            threads = self._threads[outlets]
        threads.submit(self._serve, outlets, lane)  # they stay, since this lane of theirs is in hand

    def _serve(self, outlets: Outlets, lane: Sequence[Parcel]) -> None:
        try:
            Lane(lane, self._channels, self._clock, renewed=True).serve()
        except Exception:
            log.exception("a lane of %s ended early; its claims run out", outlets[0])
        finally:
            if not connection.in_atomic_block:
                connection.close()
            with self._lock:
                del self._lanes[id(lane)]
                if outlets not in map(_outlets, self._lanes.values()):
                    self._threads.pop(outlets).shutdown(wait=False)
            self.changed.set()
            self._lane_ended()

    def _keep(self) -> None:
        """Renew the claims of what is in hand, for as long as this process lives."""
        while not self._idle.wait(RENEW):
            with self._lock:
                in_hand = [parcel for lane in self._lanes.values() for parcel in lane]
            try:
                if in_hand:
                    renew(in_hand, self._clock())
            except Error as error:  # PostgreSQL is away: nobody else can claim them either
                log.warning("claims could not be renewed: %s", error)
            finally:
                connection.close()
