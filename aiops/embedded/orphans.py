"""Orphans: servers and processes that a killed supervisor left behind. They are found and ended before a new start."""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from pathlib import Path

import psutil

log = logging.getLogger(__name__)

# How each way of asking is given time (seconds): politely, at once, by force.
WAYS = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 3.0))


def stop(files: Path) -> None:
    """End every PostgreSQL process that works on *files*, the head first.

    Only for who holds the lock of the data directory: then nobody else can be meant. PostgreSQL itself clears the note of a
    head that is gone, unless the process id has been given to somebody else since: that note goes here.
    """
    note = files / "postmaster.pid"
    if not note.exists():
        return
    noted = _noted(note)
    if noted is not None and _is_ours(noted, files):
        log.warning("stopping a PostgreSQL (process %d) that outlived its owner", noted.pid)
        _end([noted], WAYS)
    elif noted is not None:
        note.unlink(missing_ok=True)
    end_all("postgres", files)  # most end with their head; the deaf ones hold the shared memory


def end_all(program: str, folder: Path) -> None:
    """End every process of that *program* whose working folder is *folder*; for who holds the lock of the data directory."""
    _end([process for process in psutil.process_iter() if _is_ours(process, folder, program)], WAYS[1:])


def _noted(note: Path) -> psutil.Process | None:
    with contextlib.suppress(ValueError, IndexError, OSError, psutil.NoSuchProcess):
        return psutil.Process(int(note.read_text().splitlines()[0]))
    return None


def _is_ours(process: psutil.Process, files: Path, program: str = "postgres") -> bool:
    try:
        return process.name() == program and Path(process.cwd()) == files.resolve()
    except (psutil.Error, OSError):
        return False


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _end(processes: list[psutil.Process], ways: tuple[tuple[signal.Signals, float], ...]) -> None:
    for number, patience in ways:
        deadline = time.monotonic() + patience
        for process in processes:
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)
        while (processes := list(filter(_is_alive, processes))) and time.monotonic() < deadline:
            time.sleep(0.02)
