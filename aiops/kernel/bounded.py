"""Costly work in a process of its own, which ends when it exceeds its limits of processor time, memory or elapsed time.

``run`` starts a new Python, gives a module's function its bytes and its arguments as JSON, and reads the answer as
JSON. The process opens no file for writing and inherits no setting and no secret. Call it outside transactions and
locks.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from aiops.kernel.errors import DomainError, InvalidInput, Overloaded

CPU = 2  # seconds of processor time, after the modules are loaded
MEMORY = 512 * 1024 * 1024  # bytes of address space
WALL = 20.0  # seconds by the clock
LARGEST_ANSWER = 8 * 1024 * 1024  # bytes
AT_ONCE = 2  # processes that one process has at a time; the others wait
ROOT = Path(__file__).resolve().parents[2]

_places = threading.BoundedSemaphore(AT_ONCE)


class Exhausted(DomainError):
    """The work cost more than it may. *field* says of what: ``cpu``, ``memory``, ``wall`` or ``answer``."""

    code = "exhausted"


class Failed(DomainError):
    """The function raised something that it does not mean to raise; *details* says what."""

    code = "failed"


class TooLong(Exception):
    """The block of :func:`at_most` has used its processor time."""


def run(
    function: Callable[..., Any],
    data: bytes = b"",
    *,
    cpu: int = CPU,
    memory: int = MEMORY,
    wall: float = WALL,
    **arguments: Any,
) -> Any:
    """What ``function(data, **arguments)`` returns; *function* is a public one of a module that needs no Django settings.

    Raises :class:`Exhausted` when it costs too much, ``InvalidInput`` when the function does, ``Overloaded`` when no process
    comes free in time, :class:`Failed` for everything else.
    """
    if not _places.acquire(timeout=wall):
        raise Overloaded("Too much of this is under way just now", data={"retry_after": 10})
    try:
        header = {
            "module": function.__module__,
            "function": function.__name__,
            "arguments": arguments,
            "cpu": cpu,
            "memory": memory,
        }
        return _answer(json.dumps(header).encode() + b"\n" + data, cpu, wall)
    finally:
        _places.release()


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise :class:`TooLong` in the block when it has used *seconds* of processor time. For functions in their own process."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TooLong

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _answer(told: bytes, cpu: int, wall: float) -> Any:
    process = subprocess.Popen(
        [sys.executable, "-m", "aiops.kernel.bounded"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )
    try:
        out, complaint = process.communicate(told, timeout=wall)
    except subprocess.TimeoutExpired:
        raise Exhausted(f"It takes longer than {wall:g} seconds", field="wall") from None
    finally:
        _end(process)
    if process.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise Exhausted(f"It takes more than {cpu} seconds of processor time", field="cpu")
    try:
        answer = json.loads(out)
    except ValueError:
        said = complaint.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise Failed("It could not be worked out", details=said[:300]) from None
    match answer:
        case {"value": value}:
            return value
        case {"refused": {"message": message, "details": details, "field": field}}:
            raise InvalidInput(message, details=details, field=field)
        case {"exhausted": what}:
            raise Exhausted(f"It takes more {what} than it may", field=what)
    raise Failed("It could not be worked out", details=str(answer.get("failed", ""))[:300])


def _end(process: subprocess.Popen[bytes]) -> None:
    """The process and whatever it started are no more."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def limit(kind: int, soft: int, hard: int | None = None) -> None:
    """Set a limit of this process, where the system knows it and has no lower one."""
    try:
        resource.setrlimit(kind, (soft, soft if hard is None else hard))
    except (ValueError, OSError):  # a system that does not know this limit, or has a lower one already
        return


def _work(told: Any) -> dict[str, Any]:
    """What the process answers."""
    header = json.loads(told.readline())
    function = getattr(importlib.import_module(header["module"]), header["function"])
    data = told.read()
    seconds = int(time.process_time()) + 1 + header["cpu"]
    limit(resource.RLIMIT_CPU, seconds, seconds + 1)
    limit(resource.RLIMIT_AS, header["memory"])
    limit(resource.RLIMIT_FSIZE, 0)
    try:
        return {"value": function(data, **header["arguments"])}
    except InvalidInput as refusal:
        return {"refused": {"message": refusal.message, "details": refusal.details, "field": refusal.field}}
    except MemoryError:
        return {"exhausted": "memory"}
    except Exception as error:  # noqa: BLE001 (whatever it is, the caller is told)
        return {"failed": f"{type(error).__name__}: {error}"}


def main() -> None:
    """The process: one piece of work, then the end."""
    limit(resource.RLIMIT_CORE, 0)
    os.nice(10)
    text = json.dumps(_work(sys.stdin.buffer)).encode()
    sys.stdout.buffer.write(text if len(text) <= LARGEST_ANSWER else b'{"exhausted": "answer"}')


if __name__ == "__main__":
    main()
