"""Origins that may open a WebSocket. Browsers send cookies from any page, so the page's origin decides."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings

DEFAULT_PORTS = {"http": 80, "https": 443}


class SameOrigin:
    """Passes a socket on when its page came from the address that it connects to, or from AIOPS_PUBLIC_URL; denies it else.

    Tools that send no ``Origin`` pass: they carry no browser's cookies.
    """

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"] if name in (b"origin", b"host")}
        allowed = is_ours(headers.get(b"origin", ""), headers.get(b"host", ""), settings.CSRF_TRUSTED_ORIGINS)
        await (self._application if allowed else WebsocketDenier())(scope, receive, send)


def is_ours(origin: str, host: str, trusted: list[str]) -> bool:
    """Whether a page of *origin* may talk to us at *host* (``name:port``); *trusted* are origins besides our own."""
    if not origin or origin in trusted:
        return True
    try:
        page = urlsplit(origin)
        port = page.port or DEFAULT_PORTS.get(page.scheme)
        own = urlsplit(f"{page.scheme}://{host}")
        own_port = own.port or DEFAULT_PORTS.get(page.scheme)
    except ValueError:
        return False
    return bool(page.hostname) and (page.hostname, port) == (own.hostname, own_port)
