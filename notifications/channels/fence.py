"""A fence around libraries that open sockets of their own, where the guard of ``aiops.kernel.http`` does not reach.

Inside it this thread connects only to addresses that the guard allows (also after a redirect, or when a name means something
else a moment later), reads no file but Python's own and its packages', writes none, and starts no program. It hangs on Python's
audit events, which come before the deed with what it is about.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

from aiops.kernel.errors import DomainError
from aiops.kernel.http import resolve

PROGRAMS = frozenset(
    (
        "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.system", "pty.spawn",
        "subprocess.Popen", "syslog.openlog", "syslog.syslog",
    )
)  # fmt: skip
SOCKETS = frozenset(("socket.connect", "socket.sendto", "socket.sendmsg"))
CHANGES = frozenset(
    ("os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate")
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
READABLE = tuple(
    {os.path.realpath(folder) + os.sep for folder in (sys.prefix, sys.base_prefix, os.path.dirname(os.__file__))}
)

_local = threading.local()


class Refused(list[str]):
    """What was refused inside a fence, as sentences; *reached* says whether anybody was called at all."""

    reached = False


@contextlib.contextmanager
def fence(host: str = "") -> Iterator[Refused]:
    """Hold this thread to the rules; gives a list that what was refused is added to, as sentences.

    *host* is where it is going: the guard knows allowed names as well as addresses, and the hook sees only these.
    """
    refused = Refused()
    _local.judged = _judged(host) if host else ""
    _local.refused = refused
    try:
        yield refused
    finally:
        _local.refused = None


def _judged(host: str) -> str:
    try:
        return resolve(host, 443)
    except (DomainError, OSError):
        return ""  # the hook will see where it leads, and say so


def _hook(event: str, args: tuple[Any, ...]) -> None:
    refused = getattr(_local, "refused", None)
    if refused is None:
        return
    reason = ""
    if event in SOCKETS:
        refused.reached = True
        reason = _about_address(args[1])
    elif event == "open":
        reason = _about_file(*args)
    elif event in PROGRAMS or event in CHANGES:
        reason = f"It wanted to do what no message needs ({event})."
    if reason:
        refused.append(reason)
        raise PermissionError(reason)


def _about_address(address: Any) -> str:
    if address is None:  # a datagram on a socket that was connected, and judged, before
        return ""
    if not isinstance(address, tuple):
        return "It wanted to reach a socket of this machine."
    if address[0] == _local.judged:
        return ""
    _local.refused, refused = None, _local.refused  # looking the address up is ours
    try:
        resolve(str(address[0]), int(address[1]))
    except DomainError as error:
        return error.message
    except OSError:
        return ""  # the library will find out
    finally:
        _local.refused = refused
    return ""


def _about_file(path: Any, mode: Any, flags: Any) -> str:
    if isinstance(path, int):
        return ""
    if (isinstance(mode, str) and set(mode) & set("wax+")) or (isinstance(flags, int) and flags & WRITING):
        return "It wanted to write a file."
    inside = os.path.realpath(os.fsdecode(path)).startswith(READABLE)
    return "" if inside else "It wanted to read a file of this machine."


sys.addaudithook(_hook)
