"""Named facts that lower apps publish and upper apps react to, inside the same transaction.

Upper apps subscribe in ``AppConfig.ready()``. A handler takes the list of facts and ``now``, and writes rows only: network
calls happen in tasks, from rows. A failing handler never undoes what caused it: each runs in a savepoint of its own, or the
publisher does everything again with savepoints; it is told who failed, and keeps a row that the sweep retries.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError, transaction

log = logging.getLogger(__name__)

Fact = dict[str, Any]  # JSON-able: ids and words, never models
Handler = Callable[[Sequence[Fact], datetime], None]

_handlers: dict[str, dict[str, Handler]] = defaultdict(dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """A handler that raised, and the facts it still has to see."""

    event: str
    handler: str
    facts: list[Fact]
    error: str


class HandlerFailed(Exception):
    """A handler without a savepoint raised: the transaction is to be rolled back, and begun anew with savepoints."""


def subscribe(event: str, handler: Handler) -> None:
    """Have *handler* called with every later publication of *event*. Its dotted path is its name in retries."""
    _handlers[event][f"{handler.__module__}.{handler.__qualname__}"] = handler


def unsubscribe(event: str, handler: Handler) -> None:
    """Take a subscription back (tests)."""
    _handlers[event].pop(f"{handler.__module__}.{handler.__qualname__}", None)


def publish(event: str, facts: Sequence[Fact], now: datetime, *, savepoints: bool = True) -> list[Failure]:
    """Call every handler of *event* with *facts*, each in a savepoint; returns the ones that failed. Needs a transaction.

    A publisher that can do all its work again spares the *savepoints* (two round trips each) until a handler fails, which
    raises :class:`HandlerFailed`.
    """
    if not facts:
        return []
    failures = []
    for name, handler in _handlers[event].items():
        if not savepoints:
            _run_bare(handler, facts, now)
        elif error := _run(handler, facts, now):
            failures.append(Failure(event, name, list(facts), error))
    return failures


def retry(event: str, handler: str, facts: Sequence[Fact], now: datetime) -> str | None:
    """Call one handler again. None when it went well or is no longer subscribed, else the error's text."""
    subscribed = _handlers[event].get(handler)
    return _run(subscribed, facts, now) if subscribed else None


def _run_bare(handler: Handler, facts: Sequence[Fact], now: datetime) -> None:
    try:
        handler(facts, now)
    except Exception as error:
        raise HandlerFailed(f"{handler.__module__}.{handler.__qualname__}") from error


def _run(handler: Handler, facts: Sequence[Fact], now: datetime) -> str | None:
    try:
        with transaction.atomic():
            handler(facts, now)
    except DatabaseError as error:
        if not transaction.get_connection().is_usable():
            raise  # the connection is gone, and with it the whole transaction: nothing to salvage here
        log.exception("event handler failed: %s", handler)
        return f"{type(error).__name__}: {error}"
    except Exception as error:
        log.exception("event handler failed: %s", handler)
        return f"{type(error).__name__}: {error}"
    return None
