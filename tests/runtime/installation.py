"""A real ``python -m aiops run`` in a process of its own, as a person at a terminal would start it."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import psycopg

from aiops.embedded import orphans
from tests.patience import PATIENCE, STOPPED

ROOT = Path(__file__).resolve().parents[2]
READY = re.compile(r"is ready: (http://\S+)/console")


class Installation:
    """One data directory, and the process that runs on it; *environment* is all that the process knows."""

    def __init__(
        self, data: Path, command: tuple[str, ...] = ("run",), prefix: tuple[str, ...] = (), **environment: str
    ) -> None:
        self.data = data
        self.command = [*prefix, sys.executable, "-m", "aiops", *command]
        self.environment = {"PATH": os.environ["PATH"], "AIOPS_DATA_DIR": str(data), "AIOPS_PORT": "0", **environment}
        self.process: subprocess.Popen[str] | None = None
        self.lines: list[str] = []
        self.before: list[str] = []  # of earlier starts
        self.url = ""

    def start(self) -> None:
        """Start it and return at once."""
        self.before = self.before + self.lines
        self.lines, self.url = [], ""
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process is not None and self.process.stdout is not None
        for line in self.process.stdout:
            if match := READY.search(line):
                self.url = match[1]
            self.lines.append(line.rstrip("\n"))

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def wait_until_ready(self, seconds: float = PATIENCE) -> None:
        """Wait until it answers."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            assert self.process is not None
            assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.output}"
            if self.url:
                with contextlib.suppress(httpx.TransportError):
                    if self.get("/readyz").status_code == 200:
                        return
            time.sleep(0.02)
        raise AssertionError(f"not ready after {seconds} s:\n{self.output}")

    def wait_until_ended(self, seconds: float = PATIENCE) -> int:
        """Wait for its end; returns its exit status."""
        assert self.process is not None
        status = self.process.wait(seconds)
        self._reader.join(5)
        return status

    def get(self, path: str, **options: object) -> httpx.Response:
        return httpx.get(self.url + path, timeout=PATIENCE, **options)  # type: ignore[arg-type]

    def post(self, path: str, **options: object) -> httpx.Response:
        return httpx.post(self.url + path, timeout=PATIENCE, **options)  # type: ignore[arg-type]

    def said(self, pattern: str) -> str:
        """The first group of *pattern* in what it printed, at this start or an earlier one; fails when it is not there."""
        match = re.search(pattern, self.output) or re.search(pattern, "\n".join(self.before))
        assert match is not None, f"no {pattern!r} in:\n{self.output}"
        return match[1]

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> int:
        """Ask it to stop; returns its exit status. Fails when it does not end."""
        self.signal(signal.SIGTERM)
        return self.wait_until_ended(STOPPED)

    def clean_up(self) -> None:
        """Leave nothing running, whatever the test did."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if (pid := self.postgres_pid()) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGQUIT)
        orphans.end_all("valkey-server", self.data / "valkey")

    def pid_of(self, name: str) -> int:
        """The process that its supervisor started last as *name*: ``web``, ``worker paging``, ``Valkey``, …"""
        started = re.findall(rf"supervisor: {name} is process (\d+)", self.output)
        assert started, f"no {name} in:\n{self.output}"
        return int(started[-1])

    def postgres_pid(self) -> int | None:
        """The process id of its PostgreSQL; None when there is none."""
        with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
            pid = int((self.data / "postgres" / "postmaster.pid").read_text().split()[0])
            if is_alive(pid):
                return pid
        return None

    def database(self, *, admin: bool = False) -> psycopg.Connection:
        """A connection to its database, beside its own; as the *admin* of the server, who may also change its settings."""
        user, passwords = ("aiops_admin", "pgpass.admin") if admin else ("aiops", "pgpass")
        return psycopg.connect(
            host=str(self.data / "run"), user=user, dbname="aiops", passfile=str(self.data / passwords), autocommit=True
        )

    def raw_connection(self) -> socket.socket:
        """A TCP connection to it, for requests that no client library would send."""
        host, port = re.fullmatch(r"http://(.*):(\d+)", self.url).groups()  # type: ignore[union-attr]
        return socket.create_connection((host, int(port)), timeout=PATIENCE)


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition, seconds: float = PATIENCE):  # type: ignore[no-untyped-def]
    """Ask until *condition* gives something true; returns it. Fails after *seconds*."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"waited {seconds} s in vain")
