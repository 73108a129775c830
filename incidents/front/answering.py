"""The course of one ingest request: identify, look again, commit or keep, reply. Both carriers follow it.

:func:`answering` and :func:`admitting` are generators. They yield slow work (:data:`Deed`) for the carrier to do, get
its result or error back, and return the answer. So the asynchronous carrier and Django's share every rule.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db import Error as DatabaseFailure

from aiops.access import credentials
from aiops.kernel.errors import DomainError, NotAuthenticated, Overloaded
from incidents import metrics
from incidents.catalogue.services import directory
from incidents.contracts import Arrival
from incidents.errors import PartlyStored
from incidents.front import door
from incidents.front.callers import LookAgain, Refused
from incidents.front.door import Endpoint
from incidents.front.requests import Inbound, Reply
from incidents.front.writer import AWAY
from incidents.journal.services.dead_letters import Letter

T = TypeVar("T")


RETRY_AFTER = 5  # seconds


@dataclass(frozen=True, slots=True)
class Refresh:
    """Read what is known again: a key, a source or a workspace may be a moment old."""


@dataclass(frozen=True, slots=True)
class Commit:
    """Store the signals; the result is their outcomes."""

    arrivals: Sequence[Arrival]


@dataclass(frozen=True, slots=True)
class Keep:
    """Store what could not be understood."""

    letter: Letter


Deed = Refresh | Commit | Keep


def away() -> Overloaded:
    """The refusal while the database can't be reached; the sender repeats it."""
    return Overloaded(AWAY, data={"retry_after": RETRY_AFTER})


def answering(endpoint: Endpoint, inbound: Inbound, now: datetime) -> Generator[Deed, Any, Reply]:
    """A whole request."""
    try:
        try:
            received = yield from _twice(lambda: door.receive(endpoint, inbound, now))
            errors = [error for error, _ in received.refused]
            try:
                outcomes = (yield Commit(received.arrivals)) if received.arrivals else []
            except PartlyStored as partly:
                outcomes, errors = partly.outcomes, [*errors, *partly.errors]
            for letter in received.letters(inbound, now):
                yield Keep(letter)
            if errors:
                metrics.REFUSED.labels("unreadable").inc(len(errors))
                return door.answer_partly(endpoint, outcomes, errors)
            return door.answer(endpoint, outcomes)
        except Refused as refusal:
            yield from _keep(refusal, inbound, now)
            metrics.REFUSED.labels("unreadable").inc()
            return door.refuse(endpoint, refusal.error)
    except DomainError as error:
        if error.code != "overloaded":
            metrics.REFUSED.labels(error.code).inc()
        return door.refuse(endpoint, error)
    except DatabaseFailure:
        metrics.REFUSED.labels("database_away").inc()
        return door.refuse(endpoint, away())


def admitting(endpoint: Endpoint, inbound: Inbound, now: datetime) -> Generator[Deed, Any, Reply | None]:
    """The head of a request, before its body is read: None when its sender may go on, else the refusal."""
    admit = endpoint.admit
    if admit is None:
        return None
    try:
        yield from _twice(lambda: admit(inbound, now))
    except DomainError as error:
        metrics.REFUSED.labels(error.code).inc()
        return door.refuse(endpoint, error)
    except DatabaseFailure:
        return door.refuse(endpoint, away())
    return None


def _twice(look: Callable[[], T]) -> Generator[Deed, Any, T]:
    """What *look* finds, in memory or once that was refreshed."""
    try:
        return look()
    except (LookAgain, NotAuthenticated):
        yield Refresh()
    try:
        return look()
    except LookAgain as unknown:
        if directory.age() > credentials.UNSURE:  # a refusal is final to most senders, so only who knows refuses
            raise Overloaded(credentials.AWAY, data={"retry_after": RETRY_AFTER}) from unknown
        raise unknown.refusal from None


def _keep(refusal: Refused, inbound: Inbound, now: datetime) -> Generator[Deed, Any, None]:
    """Keep the body. What can't be kept now is not refused for good: its sender is told to come back."""
    source, error = refusal.source, refusal.error
    content_type = inbound.headers.get("content-type", "")
    letter = Letter(
        source.workspace_id, source.pk, source.kind, now, content_type, error.message, error.field, inbound.body
    )
    yield Keep(letter)
