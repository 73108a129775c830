"""Kept input: a form that could not be sent because the session had ended waits for its page until after the sign-in.

It serves pages without scripts; with scripts ``static/js/drafts.js`` keeps the input in the browser.
"""

from __future__ import annotations

from django.contrib.sessions.backends.base import SessionBase
from django.http import QueryDict

# Words of people. Nothing else is kept: a form may also hold a password.
NAMES = ("content", "text", "reason", "title", "description", "note", "subject", "short", "body")
LONGEST = 64 * 1024  # characters, as they stand in a form
IN_SESSION = "kept"


def typed(data: QueryDict) -> str:
    """What was typed into a form, as one text; "" when nothing was, or too much to carry."""
    found = QueryDict(mutable=True)
    for name in NAMES:
        if text := data.get(name, "").strip():
            found[name] = text
    carried = found.urlencode()
    return carried if len(carried) <= LONGEST else ""


def words(carried: str) -> dict[str, str]:
    """What :func:`typed` gave, by the names of the fields."""
    return {
        name: text for name, text in QueryDict(carried[:LONGEST]).items() if name in NAMES and isinstance(text, str)
    }


def put(session: SessionBase, carried: str) -> None:
    """Keep it for the next page of this session."""
    if found := words(carried):
        session[IN_SESSION] = found


def take(session: SessionBase) -> dict[str, str]:
    """What is kept, by the names of the fields; it is gone then."""
    return session.pop(IN_SESSION, {}) if IN_SESSION in session else {}
