"""The rules that a child of the helper lives by, for libraries that open sockets of their own.

The child connects only to addresses that ``aiops.kernel.addresses`` allows (also after a redirect, or when a name means something
else a moment later), reads no file but Python's own and its packages', writes none, and starts no program. The guard hangs on
Python's audit events, which come before the deed with what it is about. It holds back a library that was led astray by an
address, not a hostile program. It stays until the process ends, so it belongs into a process that has nothing else to do.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiops.kernel.addresses import addresses
from aiops.kernel.errors import DomainError

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


class Guard:
    """Holds this process to the rules from now on. *refused*: what it was refused, as sentences; *reached*: whether it was about
    to call anybody.

    *entries*: hosts and networks that may be called although they are private. *calling* is called before the first connection.
    """

    def __init__(self, entries: tuple[str, ...], calling: Callable[[], None] = lambda: None) -> None:
        self.refused: list[str] = []
        self.reached = False
        self._entries, self._calling = entries, calling
        self._expected: list[str] = []  # addresses
        sys.addaudithook(self._judge)

    def expect(self, host: str) -> None:
        """Allow what *host* means now, if it may be called: *entries* hold names, and an audit event has only an address."""
        with suppress(DomainError, OSError):  # the first connection will show where it leads
            self._expected = addresses(host, 443, self._entries)

    def _judge(self, event: str, args: tuple[Any, ...]) -> None:
        reason = ""
        if event in SOCKETS:
            reason = self._about_address(args[1])
        elif event == "open":
            reason = _about_file(*args)
        elif event in PROGRAMS or event in CHANGES:
            reason = f"It wanted to do what no message needs ({event})."
        if reason:
            self.refused.append(reason)
            raise PermissionError(reason)

    def _about_address(self, address: Any) -> str:
        if not self.reached:
            self.reached = True
            self._calling()
        if address is None:  # a datagram on a socket that was connected, and judged, before
            return ""
        if not isinstance(address, tuple):
            return "It wanted to reach a socket of this machine."
        if address[0] in self._expected:
            return ""
        try:
            addresses(str(address[0]), int(address[1]), self._entries)
        except DomainError as error:
            return error.message
        except OSError:
            return ""  # the library will find out
        return ""


def _about_file(path: Any, mode: Any, flags: Any) -> str:
    if isinstance(path, int):
        return ""
    if (isinstance(mode, str) and set(mode) & set("wax+")) or (isinstance(flags, int) and flags & WRITING):
        return "It wanted to write a file."
    inside = os.path.realpath(os.fsdecode(path)).startswith(READABLE)
    return "" if inside else "It wanted to read a file of this machine."
