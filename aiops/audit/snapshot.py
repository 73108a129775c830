"""What a row says, as plain JSON and without secrets: the *before* and *after* of an event."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Model

from aiops.audit.canonical import LARGEST
from aiops.kernel import secrets
from aiops.kernel.clock import rfc3339
from aiops.kernel.text import storable

LONGEST_TEXT = 10_000  # characters of one value
UNTOLD = (
    "id",
    "workspace",
    "created_at",
    "updated_at",
    "last_login",
    "date_joined",
)  # columns that say nothing of a change
SECRET_WORDS = ("password", "secret", "token", "api_key", "routing_key", "auth_key", "webhook_url", "credential")
SEALED, DIGEST = "_sealed", "_digest"

Facts = dict[str, Any]


def snapshot(row: Model) -> Facts:
    """What *row* says. A model tells it itself by ``audit_facts()``; else it is every column that a person may have set."""
    tell = getattr(row, "audit_facts", None)
    told: Mapping[str, Any] = tell() if tell is not None else columns(row)
    return {name: masked(name, value) for name, value in told.items()}


def columns(row: Model) -> Facts:
    """The columns of *row*: sealed ones by a mark of what they hold, relations by their ids."""
    told: Facts = {}
    for field in row._meta.concrete_fields:
        name = field.name
        if name in UNTOLD or field.primary_key:
            continue
        if name.endswith(SEALED):
            sealed = getattr(row, name)
            told[name.removesuffix(SEALED)] = mark(secrets.unseal(sealed)) if sealed else ""
        elif not name.endswith(DIGEST):
            told[name] = getattr(row, field.attname)
    return told


def masked(name: str, value: Any) -> Any:
    """*value* as JSON; a text whose name is that of a secret becomes a :func:`mark`."""
    if isinstance(value, str) and value and is_secret(name) and not value.startswith("secret:"):
        return mark(value)
    if isinstance(value, Mapping):
        return {str(key): masked(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked(name, inner) for inner in value]
    return plain(value)


def is_secret(name: str) -> bool:
    """Whether a value of this name is never shown."""
    return any(word in name.lower() for word in SECRET_WORDS)


def mark(secret: str) -> str:
    """What stands for a secret: the same for the same one, so that a change shows; nothing of it can be told from this."""
    return f"secret:{secrets.digest(secret)[:8]}"


def plain(value: Any) -> Any:
    """*value* as JSON can say it, exactly: texts cut to 10,000 characters, instants in UTC, spans in seconds."""
    match value:
        case None | bool():
            return value
        case str():
            return storable(str(value), LONGEST_TEXT)
        case int():
            return int(value) if abs(value) <= LARGEST else str(value)
        case float():
            return value if math.isfinite(value) and abs(value) <= LARGEST else str(value)
        case datetime():
            return rfc3339(value)
        case date() | time():
            return value.isoformat()
        case timedelta():
            return plain(value.total_seconds())
        case Model():
            return value.pk
        case Mapping():
            return {storable(str(key), 200): plain(inner) for key, inner in value.items()}
        case set() | frozenset():
            return sorted((plain(inner) for inner in value), key=str)
        case list() | tuple():
            return [plain(inner) for inner in value]
    return storable(str(value), LONGEST_TEXT)


def changed(before: Facts, after: Facts) -> tuple[Facts, Facts]:
    """The part of two snapshots in which they differ."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: before.get(name) for name in names}, {name: after.get(name) for name in names}
