"""HTTP headers of every answer, from the front door, Django or the server itself."""

from __future__ import annotations

from django.conf import settings

# What is no page runs and shows nothing, whoever embeds it or opens it in a browser.
NOTHING = "default-src 'none'; frame-ancestors 'none'"
# What an answer with data of a workspace depends on, beside its address.
CREDENTIALS = "Authorization, Cookie, X-API-Key, X-Workspace-Id, X-Workspace-Name"
HSTS_SECONDS = 365 * 24 * 3600


def common() -> dict[str, str]:
    """For every answer; with HSTS when the public address is one of https."""
    headers = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY"}
    if settings.AIOPS_PUBLIC_URL.startswith("https://"):
        headers["Strict-Transport-Security"] = f"max-age={HSTS_SECONDS}"
    return headers


def private() -> dict[str, str]:
    """For JSON that no cache may keep."""
    return common() | {"Content-Security-Policy": NOTHING, "Cache-Control": "no-store", "Vary": CREDENTIALS}


def as_bytes(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """*headers* as ASGI wants them."""
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
