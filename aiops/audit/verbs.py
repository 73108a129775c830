"""The one seam: every service verb that changes state or configuration goes through :func:`audited`, and so leaves one event.

The verb runs in one transaction. Inside it says what it touches: :func:`locked` or :func:`changes` for a row that it changes,
:func:`makes` for a new one, :func:`removes` for one that goes, :func:`says` for what the rows don't show. The event is written
when the verb returns, so *before* and *after* hold what really changed; a verb that says nothing is a mistake and is refused.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet

from aiops.access.actors import Actor, Role
from aiops.audit.recording import Object, record
from aiops.audit.snapshot import Facts, changed, snapshot
from aiops.kernel.errors import DomainError, NotFound, NotPermitted

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound=Model)


class LeavesNoEvent(RuntimeError):
    """A verb returned without having said what it changed: a mistake in its code."""


@dataclass(slots=True)
class _Change:
    """What the running verb has said so far."""

    verb: str
    row: Model | None = None
    object: Object | None = None
    before: Facts | None = None
    said: Facts = field(default_factory=dict)
    gone: bool = False
    always: bool = False


_known: set[str] = set()
_change: ContextVar[_Change | None] = ContextVar("audit_change", default=None)


def audited(
    verb: str, *, taken: Callable[[Mapping[str, Any]], DomainError] | None = None, always: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a service function, which takes *actor* by keyword (and *now*, where it has one), leave an event called *verb*.

    *taken*: what is raised, by what the function was given, in place of a violated constraint of the database (a name that is
    taken). *always*: the event is written also when the row says the same afterwards; else a change of nothing leaves none.
    """

    _known.add(verb)

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            change = _Change(verb, always=always)
            token = _change.set(change)
            try:
                with transaction.atomic():
                    result = function(*args, **kwargs)
                    _write(change, kwargs)
            except IntegrityError:
                if taken is None:
                    raise
                raise taken(kwargs) from None
            finally:
                _change.reset(token)
            return result

        run.audited = verb  # type: ignore[attr-defined]
        return run

    return decorate


def known_verbs() -> frozenset[str]:
    """The names of all verbs of the loaded apps."""
    return frozenset(_known)


def locked(
    rows: QuerySet[M],
    pk: int,
    actor: Actor,
    *,
    role: Role = Role.ADMIN,
    missing: str,
    refusal: str,
) -> M:
    """The row *pk* of *rows* (those that the actor may see) under a lock that lets others insert rows which point to it, noted as
    what the verb changes.

    Raises :class:`NotFound` with *missing*, and :class:`NotPermitted` with *refusal* unless the actor has *role* there.
    """
    row = rows.select_for_update(no_key=True, of=("self",)).filter(pk=pk).first()
    if row is None:
        raise NotFound(missing)
    if not actor.may(role, Object.of(row).workspace_id or 0):
        raise NotPermitted(refusal)
    changes(row)
    return row


def changes(row: Model) -> None:
    """The verb changes *row*: note what it says now. The first row that a verb names is what its event is about."""
    change = _running()
    if change.row is None:
        change.row, change.before = row, snapshot(row)


def makes(row: Model) -> None:
    """The verb has made *row*."""
    change = _running()
    if change.row is None:
        change.row = row


def removes(row: Model) -> None:
    """The verb removes *row*; call it while the row is there."""
    changes(row)
    change = _running()
    change.object, change.gone = Object.of(row), True


def called(verb: str) -> None:
    """The event's name is *verb*: for a function that finds out only inside what it does."""
    _running().verb = verb


def says(**facts: Any) -> None:
    """Add to what the event's *after* tells: a note, a reason, whatever is no column of the row."""
    _running().said.update(facts)


def about(object: Object, before: Facts | None = None) -> None:
    """The verb acts on something that is not one row, which said *before*; what it says now is told by :func:`says`."""
    change = _running()
    change.object, change.before = object, before


def _running() -> _Change:
    change = _change.get()
    if change is None:
        raise LeavesNoEvent("this runs outside of an audited verb")
    return change


def _write(change: _Change, given: Mapping[str, Any]) -> None:
    """The event of a verb that has returned."""
    if change.row is None and change.object is None:
        raise LeavesNoEvent(f"{change.verb} has not said what it changes")
    before, after = _difference(change)
    if before is not None and not before and not after and not change.always:
        return
    now: datetime | None = given.get("now")
    record(
        change.verb,
        actor=given["actor"],
        object=change.object or Object.of(change.row),  # type: ignore[arg-type]
        now=now,
        before=before,
        after=after,
    )


def _difference(change: _Change) -> tuple[Facts | None, Facts | None]:
    if change.gone:
        return change.before, change.said or None
    if change.row is None:
        return changed(change.before, change.said) if change.before is not None else (None, change.said)
    after = snapshot(change.row)
    if change.before is None:
        return None, after | change.said
    before, after = changed(change.before, after)
    return before, after | change.said
