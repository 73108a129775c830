"""Typed events: facts that a lower app publishes and upper apps react to, inside the same transaction.

A publisher declares an enum of its events (:class:`Event`), each with the dataclass of its facts (:class:`Fact`). Upper apps
subscribe in ``AppConfig.ready()``. A handler takes the list of facts and ``now``, and writes rows only: network calls happen in
tasks, from rows. A failing handler never undoes what caused it: each runs in a savepoint of its own, or the publisher does
everything again with savepoints. The publisher learns which handler failed, and keeps a row that the sweep retries.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any, Self, get_type_hints

from django.db import DatabaseError, transaction

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Base of what events tell: ids and words, never models, and no field that may be absent."""

    def stored(self) -> dict[str, Any]:
        """The fact as JSON can hold it."""
        return asdict(self)

    @classmethod
    def restored(cls, stored: Mapping[str, Any]) -> Self:
        """The fact that *stored* was. What a newer version stored beside is left out; raises ``TypeError`` when a field lacks."""
        return _restored(cls, stored)


class Event(StrEnum):
    """Base of a publisher's events: each member is ``"publisher.what"`` and the type of its facts.

    Raises ``ValueError`` when two publishers declare one name.
    """

    fact: type[Fact]

    def __new__(cls, name: str, fact: type[Fact]) -> Self:
        if name in _declared:
            raise ValueError(f"the event {name!r} is declared twice")
        event = str.__new__(cls, name)
        event._value_ = name
        event.fact = fact
        _declared[name] = event
        return event


Handler = Callable[[Sequence[Any], datetime], None]

_declared: dict[str, Event] = {}
_handlers: dict[str, dict[str, Handler]] = defaultdict(dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """A handler that raised, and the facts it still has to see."""

    event: Event
    handler: str
    facts: list[Fact]
    error: str


class HandlerFailed(Exception):
    """A handler without a savepoint raised: the transaction is to be rolled back, and begun anew with savepoints."""


def subscribe(event: Event, handler: Handler) -> None:
    """Have *handler* called with every later publication of *event*. Its dotted path is its name in retries.

    Raises ``TypeError`` for what is no declared event, such as its bare name.
    """
    if not isinstance(event, Event):
        raise TypeError(f"{event!r} is no declared event; take it from its publisher's enum")
    _handlers[event][_name(handler)] = handler


def unsubscribe(event: Event, handler: Handler) -> None:
    """Take a subscription back (tests)."""
    _handlers[event].pop(_name(handler), None)


def publish(event: Event, facts: Sequence[Fact], now: datetime, *, savepoints: bool = True) -> list[Failure]:
    """Call every handler of *event* with *facts*, each in a savepoint; returns the ones that failed. Needs a transaction.

    A publisher that can do all its work again spares the *savepoints* (two round trips each) until a handler fails, which
    raises :class:`HandlerFailed`. Raises ``TypeError`` for facts of another event.
    """
    if not facts:
        return []
    if wrong := next((fact for fact in facts if type(fact) is not event.fact), None):
        raise TypeError(f"{event} tells {event.fact.__name__}, not {type(wrong).__name__}")
    failures = []
    for name, handler in _handlers[event].items():
        if not savepoints:
            _run_bare(handler, facts, now)
        elif error := _run(handler, facts, now):
            failures.append(Failure(event, name, list(facts), error))
    return failures


def retry(event: str, handler: str, stored: Sequence[Mapping[str, Any]], now: datetime) -> str | None:
    """Call one handler again, with facts as :meth:`Fact.stored` gave them. None when it went well or is no longer subscribed,
    else the error's text."""
    subscribed, declared = _handlers[event].get(handler), _declared.get(event)
    if subscribed is None or declared is None:
        return None
    try:
        facts = [declared.fact.restored(each) for each in stored]
    except (TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return _run(subscribed, facts, now)


def _name(handler: Handler) -> str:
    return f"{handler.__module__}.{handler.__qualname__}"


def _restored(kind: Any, stored: Mapping[str, Any]) -> Any:
    hints = get_type_hints(kind)
    known = {field.name for field in fields(kind)} & stored.keys()
    return kind(**{name: _value(hints[name], stored[name]) for name in known})


def _value(kind: Any, stored: Any) -> Any:
    if is_dataclass(kind):
        return _restored(kind, stored)
    return kind(stored) if isinstance(kind, type) and issubclass(kind, Enum) else stored


def _run_bare(handler: Handler, facts: Sequence[Fact], now: datetime) -> None:
    try:
        handler(facts, now)
    except Exception as error:
        raise HandlerFailed(_name(handler)) from error


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
