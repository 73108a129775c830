"""Query parameters: read once, refused by name."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from django.http import QueryDict

from aiops.kernel.errors import InvalidInput
from aiops.kernel.payload import unstorable

DIGITS = re.compile(r"[0-9]{1,18}")
FAR = 10**9  # no list is longer; keeps offsets within the database's numbers


def readable(params: QueryDict) -> QueryDict:
    """*params* when the database can take every value; raises ``InvalidInput`` naming the first that it can't."""
    for name, values in params.lists():
        if any(unstorable(text) for text in (name, *values)):
            raise InvalidInput(f"{name!a} must not contain NUL characters", field=name.replace("\0", ""))
    return params


def asked(params: QueryDict, known: Sequence[str], several: Collection[str] = ()) -> QueryDict:
    """What a page's URL asks for: each value once, blanks left out; those of *several* repeated or separated by commas.

    Raises ``InvalidInput`` for a parameter that is not *known*, and for one that says two things: a filter is kept or refused.
    """
    found = QueryDict(mutable=True)
    for name, values in sorted(readable(params).lists()):
        if name == "theme":  # every page takes it
            continue
        if name not in known:
            raise InvalidInput(
                f"{name[:40]} is no parameter of this page; there are: {', '.join(known)}", field=name[:40]
            )
        words = [word for value in values for word in value.split(",")] if name in several else values
        given = list(dict.fromkeys(filter(None, words)))
        if len(given) > 1 and name not in several:
            raise InvalidInput(f"{name} may be given once", field=name)
        if given:
            found.setlist(name, given)
    return found


def whole_number(params: Mapping[str, str], name: str, default: int, low: int, high: int = FAR) -> int:
    """The parameter as a number within *low* and *high*, the default when it is absent or blank; else ``InvalidInput``."""
    text = params.get(name, "").strip()
    if not text:
        return default
    if DIGITS.fullmatch(text) and low <= int(text) <= high:
        return int(text)
    bounds = f"a whole number from {low} to {high}" if high != FAR else f"a whole number, at least {low}"
    raise InvalidInput(f"{name} must be {bounds}", details=f"Got {text[:40]!r}", field=name)
