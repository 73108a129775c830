"""A budget of processor time for what a stranger's input may cost. It counts work, not waiting: load does not break it."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

SLOW = 4


@contextmanager
def cpu_budget(seconds: float) -> Iterator[None]:
    """Fail when the block uses far more than *seconds* of processor time, here and in processes that it started and reaped.

    The seconds are those of the machine for which the limits are written. A slow one may use ``SLOW`` times as many; what the
    limits are against takes hundreds of times as many.
    """
    before = _used()
    yield
    used = _used() - before
    assert used <= SLOW * seconds, f"used {used:.2f} s of processor time, where {seconds} s are usual"


def _used() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
