"""The threads of this process that speak to providers. Each lane (what goes to one destination) has one at a time, and each
kind of outlet has threads of its own: a mail server that hangs holds up mail, and nothing else.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from django.db import connection

from aiops.kernel.clock import utcnow
from notifications.channels import CHANNELS
from notifications.choices import ChannelKind
from notifications.services.claiming import Parcel, claim
from notifications.services.sending import BATCH, Channels, Clock, Lane, lanes_of

log = logging.getLogger(__name__)

THREADS = 6  # per kind


class Crew:
    """Takes in hand what is due and can be begun.

    Whenever a lane has ended there may be more to do: *changed* is set, and *lane_ended* called in the lane's thread.
    """

    def __init__(
        self, channels: Channels = CHANNELS, clock: Clock = utcnow, lane_ended: Callable[[], None] = lambda: None
    ) -> None:
        self.changed = threading.Event()
        self._lane_ended = lane_ended
        self._channels, self._clock = channels, clock
        self._lock = threading.Lock()
        self._lanes: set[tuple[ChannelKind, int | None]] = set()  # in hand
        self._threads: dict[ChannelKind, ThreadPoolExecutor] = {}

    @property
    def is_busy(self) -> bool:
        """Whether lanes are under way."""
        with self._lock:
            return bool(self._lanes)

    def begin(self, now: datetime, limit: int = BATCH) -> int:
        """Claim what is due, hand it to the threads, and return at once: how many deliveries were taken in hand.

        Passed over is what goes where somebody of this process is speaking already, and kinds whose threads are all taken.
        Not to be called by two threads at once.
        """
        with self._lock:
            busy = [destination for _, destination in self._lanes if destination is not None]
            full = [kind for kind, lanes in Counter(kind for kind, _ in self._lanes).items() if lanes >= THREADS]
        parcels = claim(now, limit, busy=busy, full=full)
        for lane in lanes_of(parcels):
            self._start(lane)
        return sum(len(parcel.all) for parcel in parcels)

    def _start(self, lane: Sequence[Parcel]) -> None:
        kind, destination = ChannelKind(lane[0].delivery.kind), lane[0].delivery.destination_id
        with self._lock:
            self._lanes.add((kind, destination))
        if kind not in self._threads:
            self._threads[kind] = ThreadPoolExecutor(THREADS, thread_name_prefix=f"send-{kind}")
        self._threads[kind].submit(self._serve, kind, destination, lane)

    def _serve(self, kind: ChannelKind, destination: int | None, lane: Sequence[Parcel]) -> None:
        try:
            Lane(lane, self._channels, self._clock).serve()
        except Exception:
            log.exception("a lane of %s ended early; its claims run out", kind)
        finally:
            connection.close()
            with self._lock:
                self._lanes.discard((kind, destination))
            self.changed.set()
            self._lane_ended()
