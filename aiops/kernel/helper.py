"""A helper process for work of libraries that need a process of their own: loaded once, and each piece of work in a fresh child.

The helper imports a module and then waits. For each piece of work it forks a child, which calls the module's ``work`` with the
request, may say something on the way, answers and ends. A child has a limit of processor time, of memory and of time by the
clock; helper and children inherit no setting and no secret. The helper starts with the first piece of work, and ends when it has
had nothing to do for a while or when the process that started it is gone.
"""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiops.kernel.bounded import limit

log = logging.getLogger(__name__)

START = 20.0  # seconds that the helper may take until a child has begun
SPARE = 2.0  # seconds beyond *wall* after which the helper itself is thought to hang
IDLE = 600.0  # seconds without work after which the helper ends
LARGEST = 1024 * 1024  # bytes of an answer
ROOT = Path(__file__).resolve().parents[2]
# Where the certificates of this machine are is the one thing that the environment tells the helper.
PASSED_ON = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")

Say = Callable[[str], None]


@dataclass
class Lost(Exception):
    """No answer came: the child used up what it may use, or died. *said*: the words it said on its way; *begun*: whether the
    request reached it at all."""

    begun: bool
    said: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answer:
    """What ``work`` returned, and the words it said on its way."""

    value: Any
    said: list[str]


@dataclass
class Helper:
    """The helper process of *module*, whose ``work(request, say)`` takes and returns what JSON knows. Threads may share it.

    *cpu*: seconds of processor time of a child; *memory*: bytes of its address space; *wall*: seconds that it may take.
    """

    module: str
    cpu: int = 5
    memory: int = 1024 * 1024 * 1024
    wall: float = 20.0
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _control: socket.socket | None = field(default=None, init=False, repr=False)

    def ask(self, request: Mapping[str, Any]) -> Answer:
        """What ``work(request, say)`` returns. Raises :class:`Lost`, also for whatever ``work`` raises.

        It takes at most *wall* seconds once the child has begun. A helper that is gone is started anew, once.
        """
        try:
            return self._ask(request)
        except Lost as lost:
            if lost.begun or isinstance(lost.__cause__, TimeoutError):
                raise
        return self._ask(request)

    def _ask(self, request: Mapping[str, Any]) -> Answer:
        ours, theirs = socket.socketpair()
        with closing(ours):
            with closing(theirs):
                process = self._hand_over(theirs)
            try:
                ours.settimeout(START)
                told = {"cpu": self.cpu, "memory": self.memory, "request": request}
                ours.sendall(json.dumps(told).encode() + b"\n")
                return _read(ours, self.wall + SPARE)
            except TimeoutError as error:
                self._end(process)
                raise Lost(begun=False) from error
            except OSError as error:
                _see_it_end(process)
                raise Lost(begun=False) from error
            except Lost as lost:
                if isinstance(lost.__cause__, TimeoutError):
                    self._end(process)
                elif not lost.begun:
                    _see_it_end(process)
                raise

    def _hand_over(self, connection: socket.socket) -> subprocess.Popen[bytes]:
        """Have the helper, started if need be, serve *connection*. Raises :class:`Lost`."""
        with self._lock:
            try:
                if self._process is None or self._control is None or self._process.poll() is not None:
                    self._start()
                assert self._process is not None and self._control is not None
                socket.send_fds(self._control, [b"."], [connection.fileno()])
                return self._process
            except OSError as error:  # it has ended, or hangs
                self._kill()
                raise Lost(begun=False) from error

    def _start(self) -> None:
        if self._control is not None:
            self._control.close()
        self._control, theirs = socket.socketpair()
        self._control.settimeout(START)
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        with closing(theirs):
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "aiops.kernel.helper", self.module, str(theirs.fileno()), str(self.wall)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd=ROOT,
                env={
                    "PATH": os.defpath,
                    "HOME": "/nonexistent",
                    "LC_ALL": "C.UTF-8",
                    "PYTHONNOUSERSITE": "1",
                    "PYTHONDONTWRITEBYTECODE": "1",
                    **passed,
                },
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Kill *process*, which does not do its work; the next request starts another."""
        with self._lock:
            if self._process is process:
                self._kill()

    def _kill(self) -> None:
        """The helper and its children are no more."""
        log.warning("the helper process of %s did not do its work", self.module)
        if self._process is not None:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None


def _see_it_end(process: subprocess.Popen[bytes]) -> None:
    """Wait a moment for the end of *process*, which seems to be gone: only then is it known that another has to be started."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(SPARE)


def _read(connection: socket.socket, seconds: float) -> Answer:
    """What the child says, until its answer or its end. Raises :class:`Lost`."""
    begun, said, size = False, list[str](), 0
    until = time.monotonic() + START
    buffer = b""
    try:
        while size <= LARGEST:
            connection.settimeout(max(until - time.monotonic(), 0.001))
            part = connection.recv(65536)
            if not part:
                break
            size += len(part)
            *lines, buffer = (buffer + part).split(b"\n")
            for line in lines:
                match json.loads(line):
                    case {"begun": True}:
                        begun, until = True, time.monotonic() + seconds
                    case {"said": str(word)}:
                        said.append(word)
                    case {"value": value}:
                        return Answer(value, said)
    except TimeoutError as error:
        raise Lost(begun, said) from error
    except (ConnectionError, ValueError) as error:
        raise Lost(begun, said) from error
    raise Lost(begun, said)


# --- the helper's side ----------------------------------------------------------------------------------------------------


def _serve(control: socket.socket, work: Callable[[Any, Say], Any], wall: float) -> None:
    """Fork a child for each connection that comes through *control*, and kill those that take longer than *wall* seconds."""
    children: dict[int, float] = {}  # process ids, and when their time is up
    while True:
        pause = max(min(children.values()) - time.monotonic(), 0.0) if children else IDLE
        readable, _, _ = select.select([control], [], [], pause)
        _reap(children)
        if not readable:
            if not children and pause == IDLE:
                return
            continue
        word, connections, _, _ = socket.recv_fds(control, 1, 1)
        if not word:
            return
        child = os.fork()
        if child == 0:
            control.close()
            _child(socket.socket(fileno=connections[0]), work)
        os.close(connections[0])
        children[child] = time.monotonic() + wall


def _reap(children: dict[int, float]) -> None:
    """Forget the children that have ended, and those whose time is up, which are killed."""
    now = time.monotonic()
    for child, until in list(children.items()):
        if now >= until:
            os.kill(child, signal.SIGKILL)  # nobody has waited for it yet, so the id is still its own
        if os.waitpid(child, 0 if now >= until else os.WNOHANG)[0]:
            del children[child]


def _child(connection: socket.socket, work: Callable[[Any, Say], Any]) -> None:
    """One piece of work. Never returns."""
    try:
        quiet = os.open(os.devnull, os.O_WRONLY)  # what a library prints may hold secrets
        os.dup2(quiet, 2)
        stream = connection.makefile("rwb")

        def tell(what: Mapping[str, Any]) -> None:
            stream.write(json.dumps(what).encode() + b"\n")
            stream.flush()

        tell({"begun": True})
        told = json.loads(stream.readline())
        limit(resource.RLIMIT_CPU, told["cpu"], told["cpu"] + 1)
        limit(resource.RLIMIT_AS, told["memory"])
        limit(resource.RLIMIT_FSIZE, 0)
        tell({"value": work(told["request"], lambda word: tell({"said": word}))})
    except BaseException:  # noqa: BLE001 - no answer comes; what that means is the caller's to say
        os._exit(1)
    os._exit(0)


def main() -> None:
    """The helper process: ``python -m aiops.kernel.helper MODULE CONTROL WALL``."""
    limit(resource.RLIMIT_CORE, 0)
    module, control, wall = sys.argv[1], socket.socket(fileno=int(sys.argv[2])), float(sys.argv[3])
    work = importlib.import_module(module).work
    gc.collect()
    gc.freeze()  # what is loaded stays shared with the children
    try:
        _serve(control, work, wall)
    finally:
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)  # nobody waits for the children any more, nor for this process


if __name__ == "__main__":
    main()
