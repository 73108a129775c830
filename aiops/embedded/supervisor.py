"""The supervisor: starts the servers and processes of one machine, starts again each that ends, and stops all in order.
It forks, so it has no threads.
"""

from __future__ import annotations

import gc
import logging
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from aiops.embedded.children import REFUSED, Child
from aiops.embedded.failure import StartRefused
from aiops.embedded.stopping import Stopping

log = logging.getLogger(__name__)

PAUSES = (0.0, 0.5, 1.0, 2.0, 5.0)  # seconds before the first, second, … start in a row; then always the last
LASTING = 30.0  # seconds after which a start counts as a success, and the next pause is the first again
LOOK = 0.5  # seconds between two looks while nothing tells us that something ended
FRONT_SECONDS = 3.0  # that the web process may take to drain before the workers are told to stop, too
FORCE_AT = 1.2  # seconds before the end when what still runs is ended by force; the servers need the rest


class Server(Protocol):
    """A private PostgreSQL or Valkey."""

    def launch(self) -> None: ...

    def poll(self) -> int | None: ...

    def stop(self, seconds: float) -> None: ...

    def kill(self) -> None: ...

    @property
    def pid(self) -> int: ...


@dataclass(slots=True)
class _Watched:
    """Something that is to run, and how its starts went."""

    name: str
    part: Server | Child
    attempt: int = 0
    began: float = 0.0
    due: float | None = None  # when it is to be started again; None: it runs

    def launch(self) -> None:
        """Start it."""
        self.began, self.due = time.monotonic(), None
        self.part.launch()
        log.info("%s is process %d", self.name, self.part.pid)

    def fell(self, now: float) -> float:
        """It ended at *now*; returns the pause before its next start."""
        if now - self.began > LASTING:
            self.attempt = 0
        pause = PAUSES[min(self.attempt, len(PAUSES) - 1)]
        self.attempt += 1
        self.due = now + pause
        return pause


class Supervisor:
    """Servers first, then the processes over them."""

    def __init__(self, stopping: Stopping) -> None:
        self._stopping = stopping
        self._servers: list[_Watched] = []
        self._children: list[_Watched] = []
        self._wake, self._woken = os.pipe()
        for end in (self._wake, self._woken):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        stopping.last_resort = self._kill_all

    def serve(self, name: str, server: Server) -> None:
        """Keep *server*, which was launched just now, running."""
        self._servers.append(_Watched(name, server, began=time.monotonic()))

    def run(self, children: list[Child], all_ready: Callable[[], None]) -> int:
        """Start *children* and keep all running until we are asked to stop; returns the exit status.

        *all_ready* is called once, when each of them has said that it works.
        """
        for watched in self._servers:
            log.info("%s is process %d", watched.name, watched.part.pid)
        gc.collect()
        gc.freeze()  # what is loaded stays shared: nobody walks, and so copies, it again
        for child in children:
            watched = _Watched(child.name, child)
            self._children.append(watched)
            watched.launch()
        waiting = {child.name for child in children}
        while not self._stopping.is_asked:
            if (refused := self._look(bool(waiting))) is not None:
                return refused
            pipes = [child for child in children if child.ready_pipe >= 0]
            readable = select.select([self._wake, *(child.ready_pipe for child in pipes)], [], [], self._pause())[0]
            if self._wake in readable:
                os.read(self._wake, 4096)
            for child in pipes:
                if child.ready_pipe in readable and child.is_ready() and child.name in waiting:
                    waiting.discard(child.name)
                    if not waiting:
                        all_ready()
        return 0

    def look(self) -> None:
        """Start again which of the servers ended (while nothing else runs yet), and give up when we are asked to."""
        self._stopping.check()
        self._look(starting=True)

    def _look(self, starting: bool) -> int | None:
        """Note what ended, start what is due. The exit status when a first start was refused."""
        now = time.monotonic()
        for watched in (*self._servers, *self._children):
            if watched.due is None and (status := watched.part.poll()) is not None:
                if starting and status == REFUSED and isinstance(watched.part, Child):
                    return REFUSED
                pause = watched.fell(now)
                when = f"in {pause:g} s" if pause else "now"
                log.error(
                    "%s (process %d) %s; it is started again %s", watched.name, watched.part.pid, _end(status), when
                )
            if watched.due is not None and now >= watched.due:
                try:
                    watched.launch()
                except (StartRefused, OSError) as error:
                    log.error("%s can't be started: %s", watched.name, error)
                    watched.fell(now)
        return None

    def _pause(self) -> float:
        due = [watched.due for watched in (*self._servers, *self._children) if watched.due is not None]
        return max(0.0, min([LOOK, *(at - time.monotonic() for at in due)]))

    def stop(self) -> None:
        """Web drains while beat ends, then the workers, then the servers, each within its part of the time that is left."""
        self._stopping.begin()
        end = time.monotonic() + max(0.5, self._stopping.seconds_left)
        force = end - FORCE_AT
        children = [watched.part for watched in self._children if isinstance(watched.part, Child)]
        front = [child for child in children if not child.name.startswith("worker")]
        workers = [child for child in children if child not in front]
        for child in front:
            child.signal(signal.SIGTERM)
        drained = min(force, time.monotonic() + FRONT_SECONDS)
        for child in front:
            child.wait(drained)
        for child in workers:
            child.signal(signal.SIGTERM)
        for child in children:
            if not child.wait(force):
                log.warning("%s (process %d) did not stop in time and is ended", child.name, child.pid)
                child.signal(signal.SIGKILL)
        for watched in reversed(self._servers):
            assert not isinstance(watched.part, Child)
            watched.part.stop(max(0.3, end - time.monotonic()))

    def _kill_all(self) -> None:
        for watched in (*self._children, *self._servers):
            if isinstance(watched.part, Child):
                watched.part.signal(signal.SIGKILL)
            else:
                watched.part.kill()


def _end(status: int) -> str:
    """``ended by signal 9``, ``ended with status 1``."""
    return f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
