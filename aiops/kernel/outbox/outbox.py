"""The body of a task that does what is due, until nothing is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime

from aiops.kernel.clock import utcnow
from aiops.kernel.outbox.doorbell import Doorbell

LONGEST = 3.0  # seconds that one task goes on while there is more to do; then others of the queue have their turn, and the next
BREATH = 0.02  # seconds between two looks while others are at work: rings come fast in a storm
WAIT = 1.0  # seconds that the end of something in hand is waited for at most, before looking again


def _is_idle() -> bool:
    return False


class Outbox:
    """Does what is due of one duty, in one thread of a process at a time.

    *batch(now)* does some of it and returns how much, 0 when nothing is due. It may hand work to threads of its own:
    *is_busy* then says whether some of that is under way, and :meth:`look_again` is called whenever a part has ended.
    *clock* tells the time by which things are due.
    """

    def __init__(
        self,
        doorbell: Doorbell,
        batch: Callable[[datetime], int],
        *,
        is_busy: Callable[[], bool] = _is_idle,
        clock: Callable[[], datetime] = utcnow,
    ) -> None:
        self._doorbell, self._batch, self._is_busy, self._clock = doorbell, batch, is_busy, clock
        self._changed = threading.Event()  # there may be more to do
        self._at_it = threading.Lock()

    def run(self) -> int:
        """Do what is due; returns how much was done.

        A call that comes meanwhile has the one that runs look once more. It ends when nothing is due and nothing is under way; or
        when it has gone on for long, so that a storm, or something that hangs, keeps nothing else of its queue waiting. What
        *batch* began goes on. Raises what *batch* raises.
        """
        until, done = time.monotonic() + LONGEST, 0
        self._changed.set()
        while self._changed.is_set() and time.monotonic() < until and self._at_it.acquire(blocking=False):
            try:
                done += self._work_off(until)
            finally:
                self._at_it.release()
        if time.monotonic() >= until:
            self._doorbell.ring()
        return done

    def look_again(self) -> None:
        """Something that was in hand has ended: who runs sees that, else somebody has to come."""
        self._changed.set()
        if not self._at_it.locked():
            self._doorbell.ring()

    def _work_off(self, until: float) -> int:
        done = 0
        while time.monotonic() < until:
            self._changed.clear()
            with self._doorbell.without_ringing(self._changed.set):
                worked = self._batch(self._clock())
            done += worked
            if self._is_busy():
                time.sleep(BREATH)  # what is under way first: this thread would only take processor time from it
                if not worked:
                    self._changed.wait(WAIT)
            elif not worked:
                break
        return done
