"""The account of the private PostgreSQL when the platform runs as root: an ordinary account without our rights.

PostgreSQL refuses to run as root. Its folders may lie below folders that are closed to that account (the data
directory, root's home). Those stay closed: PostgreSQL gets its own folder as working folder and as an open descriptor,
which ``/proc`` leads to.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aiops.embedded.announce import progress
from aiops.embedded.failure import StartRefused

CANDIDATES = ("postgres", "nobody")
# Where programs go that the account can't reach where they are; root's alone to write.
PROGRAMS = (Path("/var/lib/aiops"), Path("/usr/local/lib/aiops"))


@dataclass(frozen=True, slots=True)
class Account:
    """Who PostgreSQL runs as when we are root."""

    name: str
    uid: int
    gid: int


def account_for(folder: Path) -> Account | None:
    """The account for PostgreSQL over *folder*; None when we are not root and it simply runs as us.

    A folder that exists keeps its owner. Raises :class:`StartRefused` when there is no ordinary account at all.
    """
    if os.geteuid() != 0:
        return None
    if folder.exists() and (owner := folder.stat().st_uid) != 0:
        try:
            return _account(pwd.getpwuid(owner))
        except KeyError:
            raise StartRefused(f"{folder} belongs to user id {owner}, which has no name here; chown it.") from None
    for name in CANDIDATES:
        try:
            return _account(pwd.getpwnam(name))
        except KeyError:
            continue
    raise StartRefused("PostgreSQL can't run as root, and there is no account named nobody; start as an ordinary user.")


def give(path: Path, account: Account | None) -> None:
    """Hand a file or folder that we just made to *account*; nothing to do when PostgreSQL runs as us."""
    if account is None:
        return
    try:
        os.chown(path, account.uid, account.gid)
    except OSError as error:
        raise StartRefused(
            f"As root we must give {path} to the account {account.name}, and can't ({error.strerror}). "
            "Start as an ordinary user, or set AIOPS_DATA_DIR to a folder on another file system."
        ) from None


def command_as(account: Account | None, command: list[str]) -> list[str]:
    """*command*, to be run as *account*."""
    if account is None:
        return command
    setpriv = shutil.which("setpriv", path=f"{os.environ.get('PATH', '')}:/usr/bin:/bin:/usr/sbin:/sbin")
    if setpriv is None:
        raise StartRefused(
            "PostgreSQL can't run as root, and setpriv (util-linux) is missing; start as an ordinary user."
        )
    become = [setpriv, f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups"]
    return [*become, "--inh-caps=-all", "--no-new-privs", "--", *command]


def reachable(account: Account | None, folder: Path, program: str) -> Path:
    """*folder* of programs, or a copy of it where *account* may run *program*. The copy is made once, and told."""
    if account is None or _runs(account, folder / program):
        return folder
    source = folder / program
    print_of_it = f"{folder}:{source.stat().st_size}:{source.stat().st_mtime_ns}"
    name = f"{folder.name}-{hashlib.blake2b(print_of_it.encode(), digest_size=6).hexdigest()}"
    for base in PROGRAMS:
        with contextlib.suppress(OSError):
            copy = _copied(folder, base, name)
            if _runs(account, copy / program):
                return copy
    raise StartRefused(
        f"PostgreSQL runs as the account {account.name}, which can't reach {folder}: a folder above is closed to it. Start as an "
        f"ordinary user, move the platform elsewhere (/opt, say), or let us write to {PROGRAMS[0]}."
    )


def _copied(folder: Path, base: Path, name: str) -> Path:
    base.mkdir(mode=0o755, exist_ok=True)
    found = base.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise PermissionError(f"{base} is not root's alone to write")
    copy = base / name
    if not copy.exists():
        progress(f"copying PostgreSQL to {copy}, where its account may run it")
        fresh = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=base))
        shutil.copytree(folder, fresh, symlinks=True, dirs_exist_ok=True)
        fresh.chmod(0o755)
        try:
            fresh.rename(copy)
        except OSError:  # somebody else was quicker
            shutil.rmtree(fresh)
    return copy


def _runs(account: Account, program: Path) -> bool:
    """Whether *account* can run it. ``test`` asks: ``setpriv`` has our rights until it has become another program."""
    command = command_as(account, ["test", "-x", str(program)])
    return subprocess.run(command, capture_output=True, cwd="/", check=False).returncode == 0  # noqa: S603 - our own words


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
