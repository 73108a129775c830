"""PostgreSQL refuses to run as root. When we are root, it runs as an ordinary account instead.

The account gets one thing more than it has by itself: it may pass through folders that are closed to it, so that neither the
data directory nor the home of root has to be opened to anybody. Files that it writes are its own.
"""

from __future__ import annotations

import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path

from aiops.embedded.failure import StartRefused

CANDIDATES = ("postgres", "nobody")
# What lets a process through a closed folder, the weaker one first; bits of Linux' capability sets.
PASSAGES = {"dac_read_search": 2, "dac_override": 1}
SETPCAP = 8


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
    if passage := _passage():
        # The secure bit is for access(2), which otherwise answers as if the account had no such passage.
        become += ["--securebits=+no_setuid_fixup", f"--inh-caps=-all,+{passage}", f"--ambient-caps=-all,+{passage}"]
    return [*become, "--", *command]


def _passage() -> str | None:
    """The weakest capability that opens closed folders for reading, if we have one and may hand it on."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    permitted = next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapPrm:")), 0)
    if not permitted >> SETPCAP & 1:
        return None
    return next((name for name, bit in PASSAGES.items() if permitted >> bit & 1), None)


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
