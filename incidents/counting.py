"""What is going on, in numbers: exact while counting is cheap, at most two seconds old when it is not.

Up to 1,000 rows are counted anew for each request (under a millisecond). Above that a count is kept; when it is a second old the
next request starts a fresh one in the background and is answered from the old one, so that no page waits for 100,000 rows.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import Error as DatabaseFailure
from django.db import connection
from django.db.models import Count, Q, QuerySet

from aiops.access.actors import Actor
from incidents.choices import LIVE, PAGING_PROOF, Severity, Status
from incidents.models import Incident

log = logging.getLogger(__name__)

EXACT = 1000  # rows
RENEW = 1.0  # seconds after which a kept count is counted anew, beside the request
MAX_AGE = 2.0  # seconds after which it is not shown any more
MOST_KEPT = 1000


class Kept:
    """Values that are dear to compute, renewed in the background by one thread."""

    def __init__(self) -> None:
        self._values: dict[object, tuple[float, Any]] = {}
        self._renewing: set[object] = set()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="figures")

    def get(
        self, key: object, compute: Callable[[], Any], dear: Callable[[Any], bool], max_age: float = MAX_AGE
    ) -> Any:
        """The value under *key*: what is kept and not older than *max_age*, else computed now and kept if it is *dear*."""
        kept = self._values.get(key)
        age = time.monotonic() - kept[0] if kept else MAX_AGE
        if kept and age < max_age:
            if age > RENEW:
                self._renew(key, compute, dear)
            return kept[1]
        return self._compute(key, compute, dear)

    def _compute(self, key: object, compute: Callable[[], Any], dear: Callable[[Any], bool]) -> Any:
        began = time.monotonic()
        value = compute()
        with self._lock:
            if not dear(value):
                self._values.pop(key, None)
            else:
                if len(self._values) >= MOST_KEPT:
                    self._values.clear()
                self._values[key] = (began, value)
        return value

    def _renew(self, key: object, compute: Callable[[], Any], dear: Callable[[Any], bool]) -> None:
        with self._lock:
            if key in self._renewing:
                return
            self._renewing.add(key)

        def work() -> None:
            try:
                self._compute(key, compute, dear)
            except DatabaseFailure as error:
                log.warning("a count could not be renewed: %s", error)
            finally:
                connection.close()
                with self._lock:
                    self._renewing.discard(key)

        self._pool.submit(work)

    def forget(self) -> None:
        """Keep nothing (tests)."""
        self._values.clear()


_kept = Kept()
forget = _kept.forget


def total(queryset: QuerySet) -> int:
    """How many rows *queryset* has: exact up to 1,000, above that at most 2 s old."""
    unordered = queryset.order_by()
    try:
        key = str(unordered.query)
    except EmptyResultSet:  # nothing can match: no workspace, say
        return 0

    def count() -> int:
        bounded = unordered[: EXACT + 1].count()
        return bounded if bounded <= EXACT else unordered.count()

    return int(_kept.get(key, count, lambda n: n > EXACT))


@dataclass(frozen=True, slots=True)
class Figures:
    """What is going on in the workspaces of an actor, in numbers. *by_service* is ordered by how many are live."""

    live: int = 0
    need_someone: int = 0
    snoozed: int = 0
    suppressed: int = 0
    by_status: dict[Status, int] = field(default_factory=dict)
    by_severity: dict[Severity, int] = field(default_factory=dict)
    by_service: list[tuple[int, str, int]] = field(default_factory=list)


def figures(actor: Actor, now: datetime, *, max_age: float = MAX_AGE) -> Figures:
    """Counts of what is live: exact while at most 1,000 incidents are, above that at most *max_age* seconds old."""
    found: Figures = _kept.get(
        ("figures", actor.workspace_ids), lambda: _count(actor, now), lambda counted: counted.live > EXACT, max_age
    )
    return found


def _count(actor: Actor, now: datetime) -> Figures:
    snoozed = Q(snoozed_until__gt=now)
    suppressed = Q(suppressed_by__isnull=False)
    hidden = Q(snoozed_until__isnull=False) | suppressed  # the sweep clears the column when a snooze ends
    groups = (
        Incident.objects.visible_to(actor)
        .live()
        .exclude(signal_type=PAGING_PROOF)
        .order_by()
        .values_list("status", "severity", "service_id", "service__name")
        .annotate(
            n=Count("pk"),
            snoozed=Count("pk", filter=snoozed),
            suppressed=Count("pk", filter=suppressed),
            waiting=Count("pk", filter=Q(status=Status.OPEN) & ~hidden),
        )
    )
    return _figures([tuple(row) for row in groups])


def _figures(groups: Sequence[tuple]) -> Figures:
    by_status: dict[Status, int] = dict.fromkeys(LIVE, 0)
    by_severity: dict[Severity, int] = dict.fromkeys(sorted(Severity, reverse=True), 0)
    by_service: dict[tuple[int, str], int] = defaultdict(int)
    for status, severity, service_id, service_name, n, *_ in groups:
        by_status[Status(status)] += n
        by_severity[Severity(severity)] += n
        by_service[service_id, service_name] += n
    return Figures(
        live=sum(by_status.values()),
        need_someone=sum(row[7] for row in groups),
        snoozed=sum(row[5] for row in groups),
        suppressed=sum(row[6] for row in groups),
        by_status=by_status,
        by_severity=by_severity,
        by_service=sorted(((pk, name, n) for (pk, name), n in by_service.items()), key=lambda s: (-s[2], s[1])),
    )
