"""Counts of incidents for lists and the overview: exact up to 1,000 rows, at most two seconds old above.

Counting 100,000 rows takes longer than rendering fifty, so above 1,000 a count is kept and renewed by a thread while
pages ask for it. A count is older than two seconds only while counting takes more than a tenth of its age.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Count, Q, QuerySet

from aiops.access.actors import Actor
from aiops.kernel.threads import essential
from incidents.choices import LIVE, Severity, Status
from incidents.core.models import Incident

log = logging.getLogger(__name__)

EXACT = 1000  # rows
RENEW = 1.5  # seconds after which a kept count is counted anew
MAX_AGE = 2.0  # seconds after which it is not shown any more …
LASTS = 10  # … unless counting takes so long that this many times of it is more
INTEREST = 15.0  # seconds for which a count that was asked for again is renewed, without being asked for once more
SHARE = 5  # the pause between two renewals, in times that one took: counting never eats what ingest needs
SHORTEST = 0.05  # seconds that such a pause lasts at least
MOST_KEPT = 1000


@dataclass(slots=True)
class _Value:
    """What was computed, from when it is, and when it was last asked for again. Times are time.monotonic(), and in seconds."""

    value: Any
    began: float
    took: float
    compute: Callable[[], Any]
    dear: Callable[[Any], bool]
    asked: float = float("-inf")

    @property
    def age(self) -> float:
        return time.monotonic() - self.began

    @property
    def is_wanted(self) -> bool:
        """Whether it is worth renewing. Many are asked for only once: those of filters that name an instant."""
        return time.monotonic() - self.asked < INTEREST


class Kept:
    """Values that are dear to compute, renewed in the background by one thread for as long as somebody is interested."""

    def __init__(self) -> None:
        self._values: dict[object, _Value] = {}
        self._lock = threading.Lock()
        self._renewer: threading.Thread | None = None

    def get(
        self, key: object, compute: Callable[[], Any], dear: Callable[[Any], bool], max_age: float = MAX_AGE
    ) -> Any:
        """The value under *key*: what is kept and not older than *max_age*, else computed now and kept if *dear*. With
        a *max_age* of 0 it is always computed."""
        kept = self._values.get(key)
        if kept is None:
            return self._compute(key, compute, dear)
        kept.asked, kept.compute = time.monotonic(), compute
        self._keep_renewing()
        lasts = max(max_age, LASTS * kept.took) if max_age else 0.0
        return kept.value if kept.age < lasts else self._compute(key, compute, dear)

    def _compute(self, key: object, compute: Callable[[], Any], dear: Callable[[Any], bool]) -> Any:
        began = time.monotonic()
        value = compute()
        with self._lock:
            if not dear(value):
                self._values.pop(key, None)
                return value
            if len(self._values) >= MOST_KEPT:
                self._values.clear()
            known = self._values.get(key)
            took = time.monotonic() - began
            self._values[key] = _Value(value, began, took, compute, dear, known.asked if known else float("-inf"))
        return value

    def _keep_renewing(self) -> None:
        with self._lock:
            if self._renewer is None:
                self._renewer = essential("figures", self._renew_all)
                self._renewer.start()

    def _renew_all(self) -> None:
        """Renew the oldest, pause, and so on, until nobody is interested in anything."""
        while (oldest := self._oldest()) is not None:
            key, kept = oldest
            began = time.monotonic()
            if kept.age > RENEW:
                self._renew(key, kept)
            time.sleep(max(SHORTEST, SHARE * (time.monotonic() - began)))

    def _oldest(self) -> tuple[object, _Value] | None:
        with self._lock:
            wanted = [(key, kept) for key, kept in self._values.items() if kept.is_wanted]
            if not wanted:
                self._renewer = None
                return None
            return min(wanted, key=lambda item: item[1].began)

    def _renew(self, key: object, kept: _Value) -> None:
        try:
            self._compute(key, kept.compute, kept.dear)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next request counts for itself and says so
            log.warning("a count could not be renewed: %s", error)
            with self._lock:
                self._values.pop(key, None)
        finally:
            connection.close()

    def forget(self) -> None:
        """Keep nothing (tests)."""
        with self._lock:
            self._values.clear()


_kept = Kept()
forget = _kept.forget


def total(queryset: QuerySet) -> int:
    """How many rows *queryset* has: exact up to 1,000, above that up to ``MAX_AGE`` old."""
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
    by_status: dict[Status, int] = field(default_factory=dict)
    by_severity: dict[Severity, int] = field(default_factory=dict)
    by_service: list[tuple[int, str, int]] = field(default_factory=list)


def figures(actor: Actor, now: datetime, *, max_age: float = MAX_AGE) -> Figures:
    """Counts of what is live: exact while at most 1,000 incidents are, above that up to *max_age* seconds old."""
    found: Figures = _kept.get(
        ("figures", actor.workspace_ids), lambda: _count(actor, now), lambda counted: counted.live > EXACT, max_age
    )
    return found


def _count(actor: Actor, now: datetime) -> Figures:
    snoozed = Q(snoozed_until__gt=now)
    # The sweep clears the column when a snooze ends.
    hidden = Q(snoozed_until__isnull=False) | Q(suppressed_by__isnull=False)
    groups = (
        Incident.objects.visible_to(actor)
        .live()
        .listed()
        .order_by()
        .values_list("status", "severity", "service_id", "service__name")
        .annotate(
            n=Count("pk"),
            snoozed=Count("pk", filter=snoozed),
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
        need_someone=sum(row[6] for row in groups),
        snoozed=sum(row[5] for row in groups),
        by_status=by_status,
        by_severity=by_severity,
        by_service=sorted(((pk, name, n) for (pk, name), n in by_service.items()), key=lambda s: (-s[2], s[1])),
    )
