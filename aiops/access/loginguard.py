"""The guard against guessed passwords: in five minutes ten tries per username and address, and fifty failures per
address.

An IPv6 network (/64) counts as one address. Call :func:`attempt` before the password is checked, so that parallel
guesses count, and :func:`succeeded` after a right one.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime
from ipaddress import IPv6Address, IPv6Network, ip_address

from django.http import HttpRequest

from aiops.access.counters import Counters
from aiops.kernel.errors import RateLimited

log = logging.getLogger(__name__)

TRIES = 10
FAILURES = 50
SECONDS = 300

_tries = Counters("sign-in", SECONDS)
_failures = Counters("sign-in-address", SECONDS)


def attempt(username: str, address: str, now: datetime) -> None:
    """Count a try; raises :class:`RateLimited` with ``data['retry_after']`` in seconds when there were too many.

    A blank username can't be right and does not count.
    """
    if not username.strip():
        return
    tries = _tries.add(_key(username, address), now)
    failures = _failures.add(_network(address), now)
    if (tries or 0) > TRIES or (failures or 0) > FAILURES:
        seconds = _tries.window(now).left(now)
        raise RateLimited(f"Too many sign-in attempts. Try again in {seconds} s.", data={"retry_after": seconds})


def succeeded(username: str, address: str, now: datetime) -> None:
    """The password was right: earlier failures of the username no longer count, and this try was none."""
    _tries.forget(_key(username, address), now)
    _failures.take_back(_network(address), now)


def address_of(request: HttpRequest) -> str:
    """Where a request comes from. Behind a proxy that is named in FORWARDED_ALLOW_IPS, the server has put the client's address
    there; behind another one everybody has the proxy's address and is limited with everybody else, so the log says it."""
    address = request.META.get("REMOTE_ADDR", "")
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if forwarded and address not in forwarded:
        log.warning(
            "A sign-in came through the proxy %s, which FORWARDED_ALLOW_IPS does not name: all who come through it share one "
            "limit of sign-in attempts.", address,
        )  # fmt: skip
    return address


def _network(address: str) -> str:
    """What counts as one address: a customer of an IPv6 provider has at least a /64, which is 2⁶⁴ of them."""
    try:
        known = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(known, IPv6Address) and known.ipv4_mapped is None:
        return str(IPv6Network((known, 64), strict=False))
    return address


def _key(username: str, address: str) -> str:
    """Fixed-length, whatever was typed; upper and lower case are one name."""
    text = f"{username.strip().casefold()}\0{address}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
