"""The stop of the platform: the first Ctrl-C or SIGTERM begins it, later ones change nothing, and it ends within ten
seconds.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from aiops import process

log = logging.getLogger(__name__)

SECONDS = 8.5  # from the first signal to the end, if all goes well
LAST_SECONDS = 9.0  # when the process is ended whatever hangs; ending PostgreSQL by force takes less than one more


class Interrupted(Exception):
    """We were asked to stop while still setting up."""


class Stopping:
    """Listens for the signals of this process; make it in the main thread.

    A signal only leaves a note: for the server through *stop_server* once there is one, before that for :meth:`check`, which
    every step of the set-up asks. (An exception out of a signal handler could lose a process that was just started.)
    *last_resort* is called when time is up, just before the process is ended.
    """

    def __init__(self) -> None:
        self.stop_server: Callable[[], None] | None = None
        self.last_resort: Callable[[], None] | None = None
        self._began: float | None = None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup means it
                signal.signal(number, self._on_signal)

    @property
    def seconds_left(self) -> float:
        """How long the rest of the stop may take."""
        return SECONDS - (time.monotonic() - self._began if self._began else 0.0)

    @property
    def is_asked(self) -> bool:
        """Whether somebody wants us to stop."""
        return self._began is not None

    def check(self) -> None:
        """Raises :class:`Interrupted` when we were asked to stop."""
        if self._began is not None:
            raise Interrupted

    def begin(self) -> None:
        """Start the clock; from now on signals change nothing."""
        if self._began is None:
            self._began = time.monotonic()
            process.stopping.set()
            watchdog = threading.Timer(LAST_SECONDS, self._time_is_up)
            watchdog.daemon = True
            watchdog.start()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._began is None:
            self.begin()
            if self.stop_server is not None:
                self.stop_server()

    def _time_is_up(self) -> None:
        log.error("the stop took longer than %.0f s; ending now", LAST_SECONDS)
        if self.last_resort is not None:
            self.last_resort()
        leave(1)


def leave(status: int) -> None:
    """End the process now. A request that hangs in a thread would otherwise hold the interpreter's own end."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # nobody reads it any more
            continue
    os._exit(status)
