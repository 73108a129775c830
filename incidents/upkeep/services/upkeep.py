"""Periodic work over many items, each in its own try, so that a broken item costs only itself.

A failure is remembered (``Trouble``). When the same item has failed for a day, an internal incident of its workspace
opens; it ends when the item works again. Every periodic task goes through :func:`each`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import Error, OperationalError, connection, transaction

from aiops.access.keyring import PRIMARY_WORKSPACE
from aiops.access.models import Workspace
from aiops.kernel.errors import DomainError
from aiops.kernel.text import storable
from incidents.choices import Severity
from incidents.ingest.services import internal
from incidents.upkeep.models import Trouble

log = logging.getLogger(__name__)

T = TypeVar("T")

PATIENCE = timedelta(days=1)  # for which a subject may fail before an incident tells
GONE = timedelta(days=2)  # without a failure: nobody tries the subject any more, or it is well
OFTEN = timedelta(minutes=10)  # the same for subjects that are tried every few seconds, in batches
LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class Subject:
    """What may fail. *key* tells it from all others; *what* begins a sentence ("The calendar of …"); *workspace_id* None: it
    belongs to the installation. *gone*: without a failure for so long, it is well."""

    key: str
    what: str
    workspace_id: int | None = None
    severity: Severity = Severity.MEDIUM
    gone: timedelta = GONE


def each(
    items: Iterable[T],
    act: Callable[[T], object],
    *,
    of: Callable[[T], Subject],
    now: datetime,
    patience: timedelta = PATIENCE,
) -> int:
    """Do *act* for each of *items*, whatever becomes of the others; returns for how many it went well."""
    done = 0
    troubled = set(Trouble.objects.values_list("key", flat=True))
    for item in items:
        try:
            with _apart():
                act(item)
        except Exception as error:  # noqa: BLE001 (whatever it is, the others have their turn)
            _leave(of(item), error, now, patience)
        else:
            done += 1
            if troubled and (subject := of(item)).key in troubled:
                well(subject, now)
    return done


def parts(task: str, works: Mapping[str, Callable[[], object]], now: datetime) -> dict[str, Any]:
    """Do all parts of a task, whatever becomes of the others; returns what each returned, those that failed left out."""
    found: dict[str, Any] = {}

    def act(name: str) -> None:
        found[name] = works[name]()

    each(works, act, of=lambda name: Subject(f"{task}:{name}", f"Periodic work ({task}: {name})"), now=now)
    return found


def together(
    items: Sequence[T],
    act: Callable[[Sequence[T]], int],
    *,
    of: Callable[[T], Subject],
    now: datetime,
    patience: timedelta = PATIENCE,
) -> int:
    """Do *act* for all of *items* at once; when that fails, as :func:`apart` does. Returns the sum of what *act* returned.

    A database that is away, or a deadlock, is no fault of an item and is raised.
    """
    try:
        with _apart():
            return act(items)
    except OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 (one of them is broken; which, is found out)
        log.warning("a batch of %d fails and is done one by one: %s", len(items), storable(str(error), LONGEST_ERROR))
    return apart(items, act, of=of, now=now, patience=patience)


def apart(
    items: Sequence[T],
    act: Callable[[Sequence[T]], int],
    *,
    of: Callable[[T], Subject],
    now: datetime,
    patience: timedelta = PATIENCE,
) -> int:
    """Do *act* for one item after the other, so that only those fail that are broken. When all of several fail, the fault is none
    of theirs: the first error is raised."""
    done, failed = 0, list[tuple[T, Exception]]()
    for item in items:
        try:
            with _apart():
                done += act([item])
        except Exception as error:  # noqa: BLE001 (whatever it is, the others have their turn)
            failed.append((item, error))
    if len(failed) == len(items) > 1:
        raise failed[0][1]
    for item, failure in failed:
        _leave(of(item), failure, now, patience)
    return done


def trouble(key: str) -> Trouble | None:
    """What is wrong with the subject of *key*, and since when; None: nothing."""
    return Trouble.objects.filter(key=key[:200]).first()


def well(subject: Subject, now: datetime) -> None:
    """The subject works again (or is no more): its trouble is over, and so is the incident that told of it."""
    with transaction.atomic():
        row = Trouble.objects.select_for_update().filter(key=subject.key[:200]).first()
        if row is None:
            return
        if row.reported_at is not None:
            workspace = row.workspace_id or _primary()
            if workspace is not None:
                internal.clear_internal(scope="upkeep", workspace_id=workspace, dedup_key=_dedup_key(row.key), now=now)
        row.delete()


def forget_gone(now: datetime) -> None:
    """End the troubles of subjects that are not tried any more: deleted ones, calendars without an address."""
    for row in Trouble.objects.filter(forget_at__lt=now):
        well(Subject(row.key, row.what, row.workspace_id), now)


@contextmanager
def _apart() -> Iterator[None]:
    """Inside a transaction of somebody else's, an error of the database costs no more than what the block did."""
    if not connection.in_atomic_block:
        yield
        return
    savepoint = transaction.savepoint()
    try:
        yield
    except Error:
        transaction.set_rollback(False)
        transaction.savepoint_rollback(savepoint)
        raise
    except Exception:
        transaction.savepoint_commit(savepoint)
        raise
    transaction.savepoint_commit(savepoint)


def _leave(subject: Subject, error: Exception, now: datetime, patience: timedelta) -> None:
    """Say it in the log, remember it, tell of it when it has lasted; none of that may stop the others."""
    if isinstance(error, DomainError):
        words = " ".join(filter(None, [error.message, error.details]))
        log.warning("%s: %s", subject.what, storable(words, LONGEST_ERROR))
    else:
        words = f"{type(error).__name__}: {error}"
        log.error("%s failed", subject.what, exc_info=error)
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
    try:
        with transaction.atomic():
            _remember(subject, storable(words, LONGEST_ERROR), now, patience)
    except Error as failure:
        log.error("%s: the failure could not be noted: %s", subject.what, failure)


def _remember(subject: Subject, words: str, now: datetime, patience: timedelta) -> None:
    row, _ = Trouble.objects.get_or_create(
        key=subject.key[:200],
        defaults={
            "what": storable(subject.what, 300),
            "workspace_id": subject.workspace_id,
            "error": words,
            "since": now,
            "last_at": now,
            "forget_at": now + subject.gone,
        },
    )
    Trouble.objects.filter(pk=row.pk).update(error=words, last_at=now, forget_at=now + subject.gone)
    if row.reported_at is not None or now - row.since < patience:
        return
    workspace = subject.workspace_id or _primary()
    if workspace is None:
        return
    internal.raise_internal(
        scope="upkeep",
        workspace_id=workspace,
        dedup_key=_dedup_key(row.key),
        title=f"{row.what} fails since {row.since:%Y-%m-%d %H:%M} UTC",
        description=f"{words}\nIt is tried again all the time; this incident ends when it works.",
        severity=subject.severity,
        signal_type="upkeep",
        now=now,
    )
    Trouble.objects.filter(pk=row.pk).update(reported_at=now)


def _primary() -> int | None:
    return Workspace.objects.filter(slug=PRIMARY_WORKSPACE).values_list("pk", flat=True).first()


def _dedup_key(key: str) -> str:
    return f"upkeep:{key}"
