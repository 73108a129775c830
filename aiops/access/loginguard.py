"""Against guessing passwords: ten tries per username and address in five minutes, wherever somebody signs in.

Call :func:`attempt` before the password is checked (so that parallel guesses count too) and :func:`succeeded` after.
"""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.http import HttpRequest

from aiops.access.counters import Counters
from aiops.kernel.errors import RateLimited

TRIES = 10
SECONDS = 300

_counters = Counters("sign-in", SECONDS)


def attempt(username: str, address: str, now: datetime) -> None:
    """Count a try; raises :class:`RateLimited` with ``data['retry_after']`` in seconds when there were too many.

    A blank username can't be right and does not count.
    """
    if not username.strip():
        return
    count = _counters.add(_key(username, address), now)
    if count is not None and count > TRIES:
        seconds = _counters.window(now).left(now)
        raise RateLimited(f"Too many sign-in attempts. Try again in {seconds} s.", data={"retry_after": seconds})


def succeeded(username: str, address: str, now: datetime) -> None:
    """The password was right: earlier failures no longer count."""
    _counters.forget(_key(username, address), now)


def address_of(request: HttpRequest) -> str:
    """Where a request comes from (behind a proxy, the server has put the client's address there)."""
    return request.META.get("REMOTE_ADDR", "")


def _key(username: str, address: str) -> str:
    """Fixed-length, whatever was typed; upper and lower case are one name."""
    text = f"{username.strip().casefold()}\0{address}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
