"""The public address of the installation: the beginning of every link in a message."""

from __future__ import annotations

from django.conf import settings

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - an address that means "all" is told as loopback


def url(path: str = "/") -> str:
    """*path* (with its leading slash) as an absolute URL: below ``AIOPS_PUBLIC_URL``, else at the address we listen on."""
    if settings.AIOPS_PUBLIC_URL:
        return settings.AIOPS_PUBLIC_URL.rstrip("/") + path
    host = EVERYWHERE.get(settings.AIOPS_HOST, settings.AIOPS_HOST)
    bracketed = f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host
    return f"http://{bracketed}:{settings.AIOPS_PORT}{path}"
