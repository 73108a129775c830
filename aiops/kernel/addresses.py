"""Which addresses of the network may be called: public ones, and those that the operator allows. Needs no Django settings."""

from __future__ import annotations

import functools
import ipaddress
import socket
from collections.abc import Iterable

from aiops.kernel.errors import DomainError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Public by address, but a cloud's own wire to its machines: who may call it may ask for their secrets.
WIRES = frozenset(map(ipaddress.ip_address, ("168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254")))
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # the IPv4 address in the last four bytes is what is meant


class BlockedAddress(DomainError):
    """The address is loopback, private or otherwise not for the outside; the message names the setting that would allow it."""

    code = "blocked_address"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host} is an address of an internal network; to allow it, add the host or its network to AIOPS_OUTBOUND_ALLOW."
        )


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


def addresses(host: str, port: int, entries: tuple[str, ...]) -> list[str]:
    """All addresses of *host*, the best first; one that may not be called condemns them all. *entries*: what is allowed beside
    public addresses (host names, addresses, CIDR networks).

    Raises :class:`BlockedAddress`, or ``OSError`` when the name is unknown.
    """
    names, networks = allowed(entries)
    plain = host.strip("[]").rstrip(".").lower()
    try:
        found = [str(info[4][0]) for info in socket.getaddrinfo(plain, port, type=socket.SOCK_STREAM)]
    except UnicodeError as error:  # a label that is no label
        raise OSError(f"{host} is no name of a host") from error
    if plain not in names:
        for text in found:
            if not _is_fine(ipaddress.ip_address(text.partition("%")[0]), networks):
                raise BlockedAddress(host)
    return list(dict.fromkeys(found))


def _is_fine(address: Address, networks: Iterable[Network]) -> bool:
    meant = _meant(address)
    if any(meant in network for network in networks if network.version == meant.version):
        return True
    local = isinstance(meant, ipaddress.IPv6Address) and meant.is_site_local
    return meant.is_global and meant not in WIRES and not (meant.is_multicast or meant.is_reserved or local)


def _meant(address: Address) -> Address:
    """The IPv4 address that some IPv6 addresses stand for."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address
