"""Dev mode: without any API key, with ``AIOPS_ENV=dev`` and on a loopback address, the client, ingest and v1 APIs are
open.

Every caller is an admin in dev mode. A web page can make a browser post to loopback, so a request with a foreign
``Host`` or ``Origin`` is refused. The functions take plain values; Django's views and the front door both use them.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from aiops.access import keyring
from aiops.access.actors import Actor, ActorKind, Role

DEV_ACTOR = Actor(ActorKind.API_KEY, "dev", "dev mode", everywhere=Role.ADMIN)
FOREIGN = "In dev mode (no API key anywhere) only local callers are answered, not foreign hosts and web pages"
HOW_TO_LEAVE = "Set AIOPS_API_KEYS or make a key in the admin to be reached in other ways."

_DEFAULT_PORTS = {"http": 80, "https": 443, "": 80}


def dev_mode() -> bool:
    """Whether requests without a key act as :data:`DEV_ACTOR`. Memory only."""
    return settings.AIOPS_ENV == "dev" and is_loopback(settings.AIOPS_HOST) and keyring.is_empty()


def is_loopback(name: str) -> bool:
    """Whether a host name or address (without port, brackets allowed) can only mean this machine."""
    name = name.lower().strip("[]").removesuffix(".")
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def foreign_origin(host: str, origin: str) -> bool:
    """Whether a request with this ``Host`` and ``Origin`` (empty: not sent) may come from a page that is not ours.

    Tools send no ``Origin``; every browser sends a ``Host``. An origin is ours when it is on loopback too, on our port.
    """
    own = _split(f"//{host}") if host else None
    if host and (own is None or not is_loopback(own.hostname or "")):
        return True
    if not origin:
        return False
    theirs = _split(origin)
    if theirs is None or not is_loopback(theirs.hostname or ""):
        return True
    return own is not None and _port(theirs) != (own.port or _DEFAULT_PORTS.get(theirs.scheme))


def _split(url: str) -> SplitResult | None:
    """The parts of *url*, None when host or port make no sense."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.hostname else None


def _port(parts: SplitResult) -> int | None:
    return parts.port or _DEFAULT_PORTS.get(parts.scheme)
