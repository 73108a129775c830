"""Outbound HTTP with a guard: what others made us call must not reach into our own network.

A name is resolved here, every address it has is judged, and the connection goes to the very address that was judged, so that a
name which changes its mind in between gains nothing. ``AIOPS_OUTBOUND_ALLOW`` names the hosts and networks that are ours to call.
Redirects are not followed.
"""

from __future__ import annotations

import functools
import ipaddress
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx
from django.conf import settings

from aiops.kernel.errors import DomainError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

TIMEOUT = 10.0  # seconds for each of connect, write and read
LARGEST = 2 * 1024 * 1024  # bytes of an answer that are read
USER_AGENT = "aiops"


class BlockedAddress(DomainError):
    """The address is loopback, private or otherwise not for the outside; the message names the setting that would allow it."""

    code = "blocked_address"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host} is an address of an internal network; to allow it, add the host or its network to AIOPS_OUTBOUND_ALLOW."
        )


class TooLarge(DomainError):
    """The answer is larger than anybody would read."""

    code = "too_large"


@functools.lru_cache(maxsize=8)
def allowed(entries: tuple[str, ...]) -> tuple[frozenset[str], tuple[Network, ...]]:
    """Host names (lower case) and networks among *entries* (host names, addresses, CIDR networks)."""
    names, networks = set(), []
    for entry in entries:
        try:
            networks.append(ipaddress.ip_network(entry, strict=False))
        except ValueError:
            names.add(entry.lower().rstrip("."))
    return frozenset(names), tuple(networks)


def resolve(host: str, port: int) -> str:
    """The address to connect to for *host*, judged. Raises :class:`BlockedAddress`, or ``OSError`` when the name is unknown."""
    names, networks = allowed(tuple(settings.AIOPS_OUTBOUND_ALLOW))
    plain = host.strip("[]").rstrip(".").lower()
    found = [str(info[4][0]) for info in socket.getaddrinfo(plain, port, type=socket.SOCK_STREAM)]
    if plain in names:
        return found[0]
    for text in found:
        if not _is_fine(ipaddress.ip_address(text.partition("%")[0]), networks):
            raise BlockedAddress(host)
    return found[0]


def check_host(host: str, port: int = 443) -> None:
    """Judge *host* for libraries that open sockets of their own. Raises :class:`BlockedAddress`, ``OSError``."""
    resolve(host, port)


def client(timeout: float = TIMEOUT) -> httpx.Client:
    """A client whose every connection is guarded; keeps connections alive, may be shared by threads. Close it when done."""
    made = httpx.Client(
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": USER_AGENT},
        transport=_Guarded(),
    )
    return made


def fetch(url: str, *, timeout: float = TIMEOUT, largest: int = LARGEST) -> bytes:
    """The body at *url*, at most *largest* bytes. Raises ``httpx.HTTPError``, :class:`BlockedAddress`, :class:`TooLarge`."""
    with client(timeout) as http, http.stream("GET", url) as response:
        response.raise_for_status()
        parts, size = [], 0
        for part in response.iter_bytes():
            size += len(part)
            if size > largest:
                raise TooLarge(f"The answer is larger than {largest} bytes.")
            parts.append(part)
    return b"".join(parts)


def _is_fine(address: Address, networks: Iterable[Network]) -> bool:
    mapped = getattr(address, "ipv4_mapped", None) or address
    if any(mapped in network for network in networks if network.version == mapped.version):
        return True
    return bool(mapped.is_global and not mapped.is_multicast)


class _Backend(httpcore.SyncBackend):
    """Connects to judged addresses only. TLS still speaks to the name."""

    def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        try:
            address = resolve(host, port)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        return super().connect_tcp(address, port, *args, **kwargs)


class _Guarded(httpx.HTTPTransport):
    """httpx's own transport over a pool that connects through the guard."""

    def __init__(self) -> None:
        super().__init__()
        self._pool.close()
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(),
            max_connections=50,
            max_keepalive_connections=20,
            keepalive_expiry=30.0,
            network_backend=_Backend(),
        )


@functools.cache
def _tls() -> ssl.SSLContext:
    """The default context, made once: loading the certificates takes 20 ms."""
    return httpx.create_ssl_context(trust_env=True)
