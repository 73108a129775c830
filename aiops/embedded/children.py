"""Child processes of the supervisor, forked with the application loaded: a new one works at once and shares its memory."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiops import process
from aiops.embedded.failure import StartRefused
from aiops.embedded.stopping import Interrupted, Stopping, leave

HEARD = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
REFUSED = 2  # exit status of a process that can't start, and said why

Ready = Callable[[], None]
Work = Callable[[Stopping, Ready], int]


@dataclass(slots=True)
class Child:
    """One of them. *work* is what it does in its own process, until it was asked to stop; it calls ``ready`` once it works."""

    name: str
    work: Work
    before: Callable[[], None] = lambda: None  # in the new process first: let go of what is the supervisor's alone
    pid: int = 0
    ready_pipe: int = -1
    _status: int | None = field(default=None)

    def launch(self) -> None:
        """Fork it. The caller has no threads and no connections."""
        self.close_pipe()
        lifeline_read, ready_read, ready_write = lifeline(), *os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self._status = None
        # A signal that comes in between waits until the new process can hear it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
        self.pid = os.fork()
        if self.pid == 0:
            os.close(ready_read)
            self._live(lifeline_read, ready_write, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(ready_write)
        self.ready_pipe = ready_read

    def _live(self, lifeline_read: int, ready_write: int, mask: set[int | signal.Signals]) -> None:
        status = 1
        try:
            os.setsid()  # Ctrl-C in the terminal is for the supervisor, which stops us in order
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            cut_lifeline()
            self.before()
            process.begin(self.name)
            process.follow(lifeline_read)

            def ready() -> None:
                with contextlib.suppress(OSError):
                    os.write(ready_write, b"1")

            stopping = Stopping()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            status = self.work(stopping, ready)
        except StartRefused as refusal:
            sys.stderr.write(f"aiops can't start. {refusal}\n")
            status = REFUSED
        except Interrupted:
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException:  # noqa: BLE001 - it is told, and the process ends
            sys.excepthook(*sys.exc_info())
        finally:
            leave(status)

    def close_pipe(self) -> None:
        if self.ready_pipe >= 0:
            os.close(self.ready_pipe)
            self.ready_pipe = -1

    def is_ready(self) -> bool:
        """Whether it has said that it works (asked until it is so, then no more)."""
        said = os.read(self.ready_pipe, 1) if self.ready_pipe >= 0 else b""
        self.close_pipe()
        return bool(said)

    def poll(self) -> int | None:
        """Its exit status (negative: the signal); None while it runs."""
        if self._status is None and self.pid:
            with contextlib.suppress(ChildProcessError):
                ended, status = os.waitpid(self.pid, os.WNOHANG)
                if ended:
                    self._status = os.waitstatus_to_exitcode(status)
        return self._status

    @property
    def is_alive(self) -> bool:
        return bool(self.pid) and self.poll() is None

    def signal(self, number: signal.Signals) -> None:
        if self.is_alive:
            os.kill(self.pid, number)

    def wait(self, until: float) -> bool:
        """Wait for its end until a moment of ``time.monotonic()``; whether it came."""
        while self.is_alive:
            if time.monotonic() >= until:
                return False
            time.sleep(0.01)
        return True


_lifeline: tuple[int, int] | None = None


def lifeline() -> int:
    """The end of a pipe that closes when the supervisor dies; it alone keeps the other one."""
    global _lifeline
    if _lifeline is None:
        _lifeline = os.pipe()
    return _lifeline[0]


def cut_lifeline() -> None:
    """In a child: only the supervisor's end counts."""
    if _lifeline is not None:
        os.close(_lifeline[1])
