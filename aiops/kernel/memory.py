"""Memory of the process: freed memory goes back to the machine, which glibc would keep in its arenas."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from functools import cache

from aiops.kernel.threads import essential

ARENA_MAX = -8  # M_ARENA_MAX of malloc.h
ARENAS = 2
EVERY = 60.0  # seconds


@cache
def _function(name: str) -> Callable[..., int] | None:
    """A function of the C library; None where it has none of that name (macOS, musl)."""
    try:
        return getattr(ctypes.CDLL(None), name, None)
    except (OSError, TypeError):
        return None


def few_arenas() -> None:
    """Share two arenas among all threads from now on. Call it before there are threads; processes that are forked do the same."""
    if mallopt := _function("mallopt"):
        mallopt(ARENA_MAX, ARENAS)


def give_back() -> None:
    """Hand what is free back to the machine; takes some milliseconds."""
    if trim := _function("malloc_trim"):
        trim(0)


class Trimmer:
    """A thread that gives back once a minute. A part of the web process (``aiops.process``), and of each process of a worker."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread = essential("trimmer", self._run)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """No more; waits for at most *seconds*."""
        self._stop.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stop.wait(EVERY):
            give_back()
