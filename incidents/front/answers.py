"""The moment at which committed requests are answered: while the writer waits for the database.

The interpreter runs one thread at a time. Answers that are written while the writer has a statement to send would leave
the database idle. So the answers of one batch go out while the next is at the database, in two shares; at once when
there is no next batch.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

SHARES = 2


class Answers(Generic[T]):
    """Results that are still to be delivered, in order. Each is delivered once, in the thread that asks for it.

    *remind* has to see to it that :meth:`deliver_late` is called a moment later, in case the database hangs. It is asked again
    only after that was called.
    """

    def __init__(self, deliver: Callable[[list[T]], object], remind: Callable[[], object]) -> None:
        self._deliver, self._remind = deliver, remind
        self._lock = threading.Lock()
        self._kept: list[T] = []
        self._share = 0
        self._is_reminded = False

    def keep(self, results: Sequence[T]) -> None:
        """Keep *results* for the next two calls of :meth:`deliver_some`."""
        with self._lock:
            self._kept += results
            self._share = math.ceil(len(self._kept) / SHARES)
            remind, self._is_reminded = not self._is_reminded, True
        if remind:
            self._remind()

    def deliver_some(self) -> None:
        """Deliver a share of what was kept."""
        self._take(self._share)

    def deliver_all(self) -> None:
        """Deliver what is left."""
        self._take(None)

    def deliver_late(self) -> None:
        """Deliver what is left after all this time."""
        self._is_reminded = False
        self._take(None)

    def _take(self, count: int | None) -> None:
        with self._lock:
            taken = self._kept[:count]
            del self._kept[:count]
        if taken:
            self._deliver(taken)
