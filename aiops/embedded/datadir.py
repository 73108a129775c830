"""The data directory: all files of the runtime, in one private folder that one process uses at a time."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from aiops.embedded.failure import StartRefused
from aiops.embedded.privileges import Account, give

PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+@~ -]+")  # what needs no quoting in a list of socket folders
MAX_SOCKET_FOLDER = 85  # bytes; the socket's whole path must stay under the 108 of the smallest systems


class AlreadyRunning(StartRefused):
    """Another process uses the data directory."""


class DataDir:
    """Paths inside the data directory. Making one makes the folder (0700) and takes its lock for the life of the process.

    Without *lock* it is for looking at what another process runs on.
    """

    def __init__(self, root: Path, *, lock: bool = True) -> None:
        self.root = root
        self._lock: int | None = None
        self.postgres = root / "postgres"
        self.postgres_log = root / "postgres.log"
        self.passwords = root / "pgpass"
        self.admin_passwords = root / "pgpass.admin"
        try:
            root.parent.mkdir(parents=True, exist_ok=True)
            root.mkdir(mode=0o700, exist_ok=True)
            if lock:
                self._lock = self._take_lock()
            self.is_new = not self.postgres.exists()
        except OSError as error:
            raise StartRefused(
                f"The data directory {root} can't be used: {error.strerror}. Set AIOPS_DATA_DIR to a folder you may write to."
            ) from None

    def _take_lock(self) -> int:
        lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 20).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise AlreadyRunning(
                f"Another aiops (process {holder}) is running on {self.root}. "
                "Stop it first, or set AIOPS_DATA_DIR (and AIOPS_PORT) to run a second one."
            ) from None
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        return lock

    def release(self) -> None:
        """Give the lock back (the end of the process does it too)."""
        if self._lock is not None:
            os.close(self._lock)

    def secret_key(self) -> str:
        """The installation's own secret key, made at the first start."""
        return self._secret(self.root / "secret_key", lambda: secrets.token_urlsafe(48))

    def database_password(self, user: str) -> str:
        """The password of our role; kept in libpq's own format, so that ``PGPASSFILE`` works for people too."""
        return self._password(self.passwords, user)

    def admin_password(self, user: str) -> str:
        """The same for the role that makes databases and roles."""
        return self._password(self.admin_passwords, user)

    def _password(self, path: Path, user: str) -> str:
        return self._secret(path, lambda: f"*:*:*:{user}:{secrets.token_hex(24)}").rpartition(":")[2]

    def socket_folder(self, name: str, account: Account | None) -> Path:
        """A private folder (0700) for a server's socket: here, or in a runtime folder when this path is too long for one."""
        moved = f"aiops-{name}-{hashlib.blake2b(os.fsencode(self.root), digest_size=8).hexdigest()}"
        elsewhere = filter(None, (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"))  # noqa: S108 - made 0700
        for folder in (self.root / name, *(Path(base) / moved for base in elsewhere)):
            fits = len(os.fsencode(folder)) <= MAX_SOCKET_FOLDER and PLAIN_PATH.fullmatch(str(folder))
            if fits and os.access(folder.parent, os.W_OK):
                return private_folder(folder, account)
        raise StartRefused("There is no folder with a short enough path for a socket; set XDG_RUNTIME_DIR to one.")

    def _secret(self, path: Path, make: Callable[[], str]) -> str:
        if path.exists() and (text := path.read_text().strip()):
            return text
        text = make()
        fresh = path.with_name(f"{path.name}.new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(f"{text}\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
        return text


def private_folder(path: Path, account: Account | None) -> Path:
    """Make *path* a folder of mode 0700 for *account* (None: us). One that exists must already be exactly that."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        found = path.lstat()
        if (
            not stat.S_ISDIR(found.st_mode)
            or found.st_uid not in _owners(account)
            or stat.S_IMODE(found.st_mode) & 0o077
        ):
            raise StartRefused(f"{path} is not a private folder of ours; look what it is, and remove it.") from None
    give(path, account)
    return path


def _owners(account: Account | None) -> set[int]:
    return {os.geteuid()} | ({account.uid} if account else set())
