"""The environment: the only module that reads configuration from ``os.environ``."""

from __future__ import annotations

import os
from urllib.parse import parse_qsl, unquote, urlsplit

TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off", ""}


def text(name: str, default: str = "") -> str:
    """The variable without surrounding blanks, or *default* when unset or empty."""
    return os.environ.get(name, "").strip() or default


def integer(name: str, default: int) -> int:
    """A whole number; anything else stops the start with a message that names the variable."""
    value = text(name)
    try:
        return int(value) if value else default
    except ValueError:
        raise SystemExit(f"{name} must be a whole number, not {value!r}.") from None


def flag(name: str, default: bool = False) -> bool:
    """A yes/no switch; anything else stops the start with a message that names the variable."""
    value = text(name).lower()
    if not value:
        return default
    if value in TRUE_WORDS | FALSE_WORDS:
        return value in TRUE_WORDS
    raise SystemExit(f"{name} must be yes or no, not {value!r}.")


def words(name: str) -> list[str]:
    """A comma-separated list without empty members."""
    return [word.strip() for word in text(name).split(",") if word.strip()]


def postgres(url: str) -> dict[str, object]:
    """Django's database settings from ``postgresql://user:password@host:port/name?option=value``.

    A socket folder is given as ``?host=/path``. Raises ``SystemExit`` when the scheme is not PostgreSQL's.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise SystemExit("DATABASE_URL must start with postgresql://; no other database is supported.")
    options: dict[str, object] = dict(parse_qsl(parts.query))
    host = options.pop("host", None) or unquote(parts.hostname or "")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "postgres",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
    }
