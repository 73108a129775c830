"""Essential threads and tasks: when one of them dies, its process ends and is started anew.

A process without its writer, its timer or its doorbell would look well and do nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger(__name__)

DIED = 70  # exit status of a process that lost an essential part (EX_SOFTWARE)


def essential(name: str, target: Callable[[], object]) -> threading.Thread:
    """A thread, not started yet, without which the process ends. *target* may return when it was asked to; it may not raise."""

    def run() -> None:
        try:
            target()
        except BaseException:
            log.critical("the thread %s has died", name, exc_info=True)
            end_process(name)

    return threading.Thread(target=run, name=name, daemon=True)


def essential_task(name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """The same for a task of the running event loop. It may be cancelled."""
    task = asyncio.ensure_future(work)

    def ended(done: asyncio.Task[None]) -> None:
        if not done.cancelled() and (error := done.exception()) is not None:
            log.critical("the task %s has died", name, exc_info=error)
            end_process(name)

    task.add_done_callback(ended)
    return task


def end_process(part: str) -> None:
    """End this process now, because *part* of it is gone. Nothing is lost: what it had in hand is rows, or was not answered."""
    log.critical("this process ends, since its %s is gone; it is to be started anew", part)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(DIED)
