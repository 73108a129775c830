"""Limits for strangers: how many connections and how much memory and time an unknown caller may hold. Counted here,
enforced in ``bounded``.
"""

from __future__ import annotations

import ipaddress
import os
import resource
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, auto
from functools import lru_cache
from typing import Protocol

from django.conf import settings

OTHER_FILES = 200  # descriptors that are not connections: database, logs, sockets of our own


class Phase(IntEnum):
    """Where a connection is."""

    IDLE = auto()  # between two requests
    HEAD = auto()  # a request line and headers are coming, or still to come
    BODY = auto()
    BUSY = auto()  # the request is there, the answer is not
    DRAINING = auto()  # refused: what still comes is dropped until the sender has read why


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much, how many, and how long (in seconds)."""

    head_bytes: int = 64 * 1024
    headers: int = 128
    head_seconds: float = 15.0
    body_seconds: float = 30.0  # and one more for every
    body_rate: int = 10_000  # bytes
    unread_seconds: float = 60.0  # without the client reading anything of its answer
    drain_seconds: float = 2.0
    socket_unread: int = 256 * 1024  # bytes that a WebSocket's other side may leave unread
    socket_parts: int = 64  # frames of one message, and pings between two sweeps
    connections: int = 4000
    per_address: int = 200
    body_memory: int = 64 * 1024 * 1024
    small_body: int = 64 * 1024  # bytes of each body that are always taken

    @classmethod
    def configured(cls) -> Bounds:
        """By the settings, and by the file descriptors that we may open."""
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        room = (
            max(files - OTHER_FILES, files // 2) if files != resource.RLIM_INFINITY else settings.AIOPS_MAX_CONNECTIONS
        )
        connections = min(settings.AIOPS_MAX_CONNECTIONS, room)
        return cls(
            connections=connections,
            per_address=min(settings.AIOPS_CONNECTIONS_PER_ADDRESS, max(1, connections // 2)),
            body_memory=max(settings.AIOPS_BODY_MEMORY_BYTES, settings.AIOPS_MAX_BODY_BYTES),
        )


class Connection(Protocol):
    """What the guard knows of a connection."""

    phase: Phase
    since: float  # when the phase began, of the event loop's clock

    def check(self, now: float) -> None:
        """End what takes too long."""

    def make_room(self) -> None:
        """Close it for another one."""


class Guard:
    """The connections of one server, and what they hold together. Used on the event loop only."""

    def __init__(self, bounds: Bounds, exempt: Iterable[str] = ()) -> None:
        self.bounds = bounds
        self.open = 0
        self.held = 0  # bytes of bodies
        self._connections: set[Connection] = set()
        self._by_address: Counter[str] = Counter()
        self._exempt = _Exempt(exempt)

    def admits(self, connection: Connection, address: str) -> bool:
        """Whether *connection* may come in; it is counted then, and to be let go (:meth:`leave`) at its end."""
        place = _place(address)
        if self._by_address[place] >= self.bounds.per_address and not self._exempt(address):
            return False
        if self.open >= self.bounds.connections and not self._make_room():
            return False
        self.open += 1
        self._by_address[place] += 1
        self._connections.add(connection)
        return True

    def leave(self, address: str, connection: Connection | None = None) -> None:
        """A connection ended."""
        place = _place(address)
        self.open -= 1
        self._by_address[place] -= 1
        if not self._by_address[place]:
            del self._by_address[place]
        if connection is not None:
            self._connections.discard(connection)

    def hand_over(self, connection: Connection, to: Connection | None = None) -> None:
        """It became a WebSocket: counted as before, and from now on *to* is watched."""
        self._connections.discard(connection)
        if to is not None:
            self._connections.add(to)

    def takes(self, size: int) -> bool:
        """Whether *size* more bytes of a body may be held; they are counted then, and to be given back."""
        if self.held + size > self.bounds.body_memory:
            return False
        self.held += size
        return True

    def gives_back(self, size: int) -> None:
        """So many bytes are held no longer."""
        self.held -= size

    def sweep(self, now: float) -> None:
        """End what takes too long by *now*."""
        for connection in tuple(self._connections):
            connection.check(now)

    def _make_room(self) -> bool:
        """Close those that have been silent for longest, a few at a time; whether there were any."""
        silent = [each for each in self._connections if each.phase in (Phase.IDLE, Phase.HEAD)]
        silent.sort(key=lambda each: each.since)
        chosen = silent[: max(1, len(silent) // 20)]
        for connection in chosen:
            connection.make_room()
        return bool(chosen)


class _Exempt:
    """This machine, and the proxies whose ``X-Forwarded-For`` is believed: what is behind them is many senders."""

    def __init__(self, entries: Iterable[str]) -> None:
        entries = [entry.strip() for entry in entries if entry.strip()]
        self._all = "*" in entries
        self._networks = []
        for entry in entries:
            try:
                self._networks.append(ipaddress.ip_network(entry, strict=False))
            except ValueError:  # a name, which no address of a connection is
                continue

    def __call__(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return True  # a local socket has no address
        return self._all or found.is_loopback or any(found in network for network in self._networks)


@lru_cache(maxsize=4096)
def _place(address: str) -> str:
    """Whose connections are counted together: an IPv4 address; the network of an IPv6 address, which has as many as it wants."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.IPv6Network((int(found), 64), strict=False))
    return str(found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else address


def trusted_proxies() -> list[str]:
    """Whose ``X-Forwarded-For`` is believed, as the server reads it."""
    return os.environ.get("FORWARDED_ALLOW_IPS", "127.0.0.1").split(",")
