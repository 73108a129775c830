"""The state of this process: its name, how long it has run, whether it is stopping, and the supervisor with which it
ends.
"""

from __future__ import annotations

import logging
import os
import select
import time
from threading import Event
from typing import Protocol

from aiops.kernel.threads import DIED, essential

STARTED = time.monotonic()
stopping = Event()  # set at the first word of a stop: readiness says no from then on
name = ""  # what the log calls this process, where several write to one stream


class Part(Protocol):
    """Something that runs beside the web server in the same process."""

    def start(self) -> None:
        """Begin; must not wait for anything slow."""

    def stop(self, seconds: float) -> None:
        """Finish what is running, within *seconds*."""


parts: list[Part] = []  # started in this order when the server starts, stopped in the reverse order


def uptime() -> float:
    """Seconds since the process began."""
    return time.monotonic() - STARTED


def begin(called: str) -> None:
    """This process was just forked: its life begins now, under a name of its own."""
    global name, STARTED
    name, STARTED = called, time.monotonic()


class Named(logging.Filter):
    """Lets a line of the log say which process wrote it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.process_name = f"[{name}] " if name else ""
        return True


_lifeline = -1  # the read end of a pipe that somebody else holds open as long as they live


def follow(lifeline: int = -1) -> None:
    """End as soon as our parent does, or whoever holds the other end of the pipe *lifeline* (-1: what was given before, if any).

    A process whose supervisor was killed would go on beside the one that the next start brings.
    """
    global _lifeline
    _lifeline = lifeline if lifeline >= 0 else _lifeline
    essential("lifeline", lambda: _watch(os.getppid(), _lifeline)).start()


def _watch(parent: int, lifeline: int) -> None:
    watched = [lifeline] if lifeline >= 0 else []
    pause = Event()
    while os.getppid() == parent:
        if not watched:
            pause.wait(1.0)
        elif select.select(watched, [], [], 1.0)[0]:
            break
    os._exit(DIED)
