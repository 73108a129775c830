"""Leases: a row in hand is a worker's until a time. What a worker had that was killed is free when that time has come.

For models with the columns ``due_at`` (NULL: nothing is to be done), ``claimed_until`` (NULL: in nobody's hands) and
``attempts``, which counts the claims and tells them apart.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db import Error, connection, transaction
from django.db.models import F, Model, Q, QuerySet

from aiops.kernel.threads import essential

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=10)
RENEW = 3.0  # seconds between two renewals of what is in hand: what a dead process had is free a few seconds after its death

M = TypeVar("M", bound=Model)
T = TypeVar("T")


def claim(rows: QuerySet[M], now: datetime, limit: int, lease: timedelta = LEASE) -> list[M]:
    """Take at most *limit* of *rows* that are due in hand for *lease*; what others have in hand is passed over."""
    free = rows.filter(Q(claimed_until=None) | Q(claimed_until__lte=now), due_at__lte=now)
    with transaction.atomic():
        taken = list(free.order_by("due_at", "pk").select_for_update(no_key=True, skip_locked=True)[:limit])
        mine = rows.model._default_manager.filter(pk__in=[row.pk for row in taken])
        mine.update(claimed_until=now + lease, attempts=F("attempts") + 1)
    for row in taken:
        row.claimed_until, row.attempts = now + lease, row.attempts + 1  # type: ignore[attr-defined]
    return taken


def renew(rows: Iterable[Model], now: datetime, lease: timedelta = LEASE) -> None:
    """The work on *rows* goes on: they stay in hand. What is in other hands by now stays there."""
    for row in rows:
        _still_mine(row).update(claimed_until=now + lease)


def settle(row: Model, **values: Any) -> bool:
    """The work on *row* is done: write *values* (``due_at`` among them: None, or when it is due again), and let it go. False when
    it is in other hands by now, and nothing is written."""
    return _still_mine(row).update(claimed_until=None, **values) == 1


def _still_mine(row: Model) -> QuerySet[Model]:
    attempts = row.attempts  # type: ignore[attr-defined]
    return type(row)._default_manager.filter(pk=row.pk, attempts=attempts, claimed_until__isnull=False)


class Keeper(Generic[T]):
    """A thread that renews what *in_hand* says, every few seconds, for as long as the process lives."""

    def __init__(
        self,
        in_hand: Callable[[], Sequence[T]],
        renew: Callable[[Sequence[T], datetime], object],
        clock: Callable[[], datetime],
    ) -> None:
        self._in_hand, self._renew, self._clock = in_hand, renew, clock
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._idle = threading.Event()  # never set; time.sleep may raise while the machine's clock is being set

    def start(self) -> None:
        """Begin, if that was not done yet."""
        with self._lock:
            if self._thread is None:
                self._thread = essential("leases", self._run)
                self._thread.start()

    def _run(self) -> None:
        while not self._idle.wait(RENEW):
            try:
                if held := self._in_hand():
                    self._renew(held, self._clock())
            except Error as error:  # PostgreSQL is away: nobody else can claim them either
                log.warning("claims could not be renewed: %s", error)
            finally:
                connection.close()
