"""A budget of processor time for what a stranger's input may cost. It counts work, not waiting: load does not break it."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def cpu_budget(seconds: float) -> Iterator[None]:
    """Fail when the block uses more than *seconds* of processor time, in this process and in those that it started and reaped."""
    before = _used()
    yield
    used = _used() - before
    assert used <= seconds, f"used {used:.2f} s of processor time, and {seconds} s are allowed"


def _used() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
