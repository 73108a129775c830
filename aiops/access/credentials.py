"""API keys in requests: where a request carries one, and which actor the key stands for. Pure values, for views and
front door alike.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime

from aiops.access import devmode, keyring
from aiops.access.actors import Actor
from aiops.kernel.errors import NotAuthenticated, NotPermitted, Overloaded

MISSING = "An API key is required: send it in the X-API-Key header or as ?api_key=."
AWAY = "The database is away, and this caller is not known here yet; send again."
UNSURE = (
    10.0  # seconds without an answer of the database; a refusal is final to most senders, so only who knows refuses
)
REFUSED = "The API key is unknown, expired or revoked."


def in_authorization(header: str) -> list[str]:
    """The keys that an ``Authorization`` header may hold, in the order in which to try them.

    Bearer and Api-Key hold one, basic its password, then its username; anything else, or unreadable, none.
    """
    scheme, _, value = header.strip().partition(" ")
    value = value.strip()
    match scheme.lower():
        case "bearer" | "api-key":
            return [value] if value else []
        case "basic":
            try:
                username, _, password = base64.b64decode(value, validate=True).decode().partition(":")
            except ValueError:  # neither base64, nor ASCII, nor UTF-8
                return []
            return [part for part in (password, username) if part]
        case _:
            return []


def text(header: str) -> str:
    """What a header says, stripped: most clients send UTF-8, which servers hand on read as Latin-1."""
    try:
        return header.encode("latin-1").decode().strip()
    except UnicodeError:
        return header.strip()


def identify(keys: Iterable[str], *, host: str, origin: str, now: datetime) -> Actor:
    """Who presents *keys* (the first good one counts); in dev mode everybody local is the dev actor. Memory only.

    Raises :class:`NotAuthenticated` without a good key, :class:`NotPermitted` when dev mode meets a foreign page, and
    :class:`Overloaded` (send again) when the database has been silent so long that an unknown key may well be a good one.
    """
    if devmode.dev_mode():
        if devmode.foreign_origin(host, origin):
            raise NotPermitted(
                devmode.FOREIGN,
                details=devmode.HOW_TO_LEAVE,
            )
        return devmode.DEV_ACTOR
    presented = [key for key in keys if key]
    for key in presented:
        if actor := keyring.find(key, now):
            return actor
    if keyring.age() > UNSURE:
        raise Overloaded(AWAY, data={"retry_after": 5})
    raise NotAuthenticated(REFUSED if presented else MISSING)
