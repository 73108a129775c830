"""Pure: ``AIOPS_SMTP_URL`` as the settings of an e-mail account."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

SECURITY = {"smtp": "starttls", "smtps": "tls"}


def settings_of_url(url: str) -> dict[str, str]:
    """``smtp://user:password@host:port?from=pager@example.com&security=none`` (``smtps://`` for TLS from the first byte)."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    host = parts.hostname or "localhost"
    return {
        "host": host,
        "port": str(parts.port or (465 if parts.scheme == "smtps" else 587)),
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "security": query.get("security", SECURITY.get(parts.scheme, "starttls")),
        "sender": query.get("from", f"aiops@{host}"),
    }
