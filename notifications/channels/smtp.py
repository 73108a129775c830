"""``AIOPS_SMTP_URL`` parsed into the settings of an e-mail account. Pure."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

FROM_OPERATOR = "from_operator"  # no workspace can write this: the server may stand inside, since the operator named it
SECURITY = {"smtp": "starttls", "smtps": "tls"}


def settings_of_url(url: str) -> dict[str, str]:
    """``smtp://user:password@host:port?from=pager@example.com&security=none&inbound=in.example.com`` (``smtps://`` for TLS from
    the first byte)."""
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
        "inbound_domain": query.get("inbound", ""),
        FROM_OPERATOR: "yes",
    }
