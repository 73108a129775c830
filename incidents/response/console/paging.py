"""Keyset pagination: a page begins where the last one ended, at the same cost for every page."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from aiops.kernel.errors import InvalidInput
from incidents.core.models import Incident
from incidents.querysets import IncidentQuerySet

PAGE = 50  # rows


@dataclass(frozen=True, slots=True)
class Sort:
    """An order that is total: a column (descending unless *ascending*), ties broken by the key in the same direction."""

    word: str
    label: str
    column: str = "pk"
    ascending: bool = False


SORTS = {
    sort.word: sort
    for sort in (
        Sort("newest", "Newest first"),
        Sort("severity", "Worst first", "severity"),
        Sort("oldest", "Waiting longest", ascending=True),
        Sort("seen", "Last seen", "last_seen_at"),
    )
}


@dataclass(frozen=True, slots=True)
class Page:
    """The incidents of one page, and the cursors of its neighbours (empty: there is none)."""

    incidents: Sequence[Incident]
    after: str = ""
    before: str = ""


def page_of(queryset: IncidentQuerySet, sort: Sort, *, after: str = "", before: str = "", size: int = PAGE) -> Page:
    """The page that follows the cursor *after*, or that ends before *before*; the first one without. One query.

    Raises ``InvalidInput`` for a cursor that is not ours.
    """
    backwards = bool(before) and not after
    cursor = _decode(after or before, sort, "after" if after else "before") if after or before else None
    ascending = sort.ascending != backwards
    columns = ["pk"] if sort.column == "pk" else [sort.column, "pk"]
    if sort.column == "severity":
        queryset = queryset.by_severity()
    queryset = queryset.order_by(*(column if ascending else f"-{column}" for column in columns))
    if cursor is not None:
        queryset = queryset.filter(_beyond(sort.column, cursor, ascending))
    found = list(queryset[: size + 1])
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    older = more if not backwards else True
    newer = more if backwards else cursor is not None
    return Page(
        found,
        after=_encode(found[-1], sort) if found and older else "",
        before=_encode(found[0], sort) if found and newer else "",
    )


def _beyond(column: str, cursor: tuple[Any, int], ascending: bool) -> Q:
    value, pk = cursor
    direction = "gt" if ascending else "lt"
    if column == "pk":
        return Q(**{f"pk__{direction}": pk})
    # The first condition lets the index start at the cursor; the second drops the ties before it.
    at_or_beyond = Q(**{f"{column}__{direction}e": value})
    return at_or_beyond & (Q(**{f"{column}__{direction}": value}) | Q(**{f"pk__{direction}": pk}))


def _encode(incident: Incident, sort: Sort) -> str:
    value = getattr(incident, sort.column)
    parts = [sort.word, value.isoformat() if isinstance(value, datetime) else value, incident.pk]
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def _decode(text: str, sort: Sort, field: str) -> tuple[Any, int]:
    try:
        word, value, pk = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if word != sort.word or type(pk) is not int or not 0 <= pk < 2**63:
            raise ValueError(text)
        return _value(sort.column, value), pk
    except (ValueError, TypeError, binascii.Error, UnicodeDecodeError):
        message = f"{field} is no cursor of this list; start from its first page"
        raise InvalidInput(message, field=field) from None


def _value(column: str, value: Any) -> Any:
    if column == "last_seen_at":
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError(value)
        return at
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(value)
    return value
