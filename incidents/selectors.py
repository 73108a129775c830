"""Shaped reads for pages and dialects. Every one starts from ``visible_to(actor)``; none writes."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.core.exceptions import EmptyResultSet
from django.db.models import Count, Q, QuerySet

from aiops.access.actors import Actor
from aiops.kernel.errors import NotFound
from incidents.choices import LIVE, EntryKind, Severity, Status
from incidents.models import Alert, Incident, TimelineEntry
from incidents.querysets import IncidentQuerySet

EXACT = 1000  # up to here a count is taken anew each time; above, it is at most MAX_AGE old
MAX_AGE = 2.0  # seconds


def listing(actor: Actor) -> IncidentQuerySet:
    """The incidents that *actor* may see, newest first, with what a row shows of other tables."""
    return (
        Incident.objects.visible_to(actor).select_related("workspace", "service", "assignee", "source").order_by("-pk")
    )


def incident_for(actor: Actor, reference: str) -> Incident:
    """The incident of an id (``inc-…``) or a name (``INC-…``); ``NotFound`` when there is none or the actor may not see it."""
    incident = listing(actor).by_reference(reference).first()
    if incident is None:
        raise NotFound("Incident not found", details=f"No incident '{reference}' found")
    return incident


def timeline(incident: Incident, limit: int = 1000) -> list[TimelineEntry]:
    """The latest *limit* facts about an incident, oldest first."""
    return list(TimelineEntry.objects.filter(incident=incident).order_by("-pk")[:limit])[::-1]


def status_history(incidents: Iterable[Incident]) -> dict[int, list[TimelineEntry]]:
    """Per incident, every entry that set its status, oldest first."""
    return _entries(incidents, ~Q(to_status=""))


def notes(incidents: Iterable[Incident]) -> dict[int, list[TimelineEntry]]:
    """Per incident, what people wrote down, oldest first."""
    return _entries(incidents, Q(kind=EntryKind.NOTE_ADDED))


def _entries(incidents: Iterable[Incident], condition: Q) -> dict[int, list[TimelineEntry]]:
    found: dict[int, list[TimelineEntry]] = defaultdict(list)
    ids = [incident.pk for incident in incidents]
    for entry in TimelineEntry.objects.filter(condition, incident_id__in=ids).order_by("pk"):
        found[entry.incident_id].append(entry)
    return found


def alerts(incident: Incident, limit: int = 50) -> list[Alert]:
    """The latest *limit* alerts of an incident, newest first."""
    return list(Alert.objects.filter(incident=incident).order_by("-received_at")[:limit])


class RecentFigures:
    """Large counts, kept for at most ``MAX_AGE``: exact while they are cheap, never a burden when they are not."""

    def __init__(self) -> None:
        self._kept: dict[object, tuple[float, object]] = {}
        self._lock = threading.Lock()

    def get(self, key: object, max_age: float = MAX_AGE) -> object | None:
        """What was kept under *key*, unless it is older than *max_age* seconds."""
        kept = self._kept.get(key)
        return kept[1] if kept and time.monotonic() - kept[0] < max_age else None

    def keep(self, key: object, value: object) -> None:
        """Keep *value* for ``MAX_AGE``."""
        with self._lock:
            if len(self._kept) > 1000:
                self._kept.clear()
            self._kept[key] = (time.monotonic(), value)

    def forget(self) -> None:
        """Keep nothing (tests)."""
        self._kept.clear()


_recent = RecentFigures()
forget_figures = _recent.forget


def total(queryset: QuerySet) -> int:
    """How many rows *queryset* has: exact up to 1,000, above that at most 2 s old (counting 100,000 takes 10 ms)."""
    try:
        key = str(queryset.order_by().query)
    except EmptyResultSet:  # nothing can match: no workspace, say
        return 0
    if (kept := _recent.get(key)) is not None:
        return kept  # type: ignore[return-value]
    bounded = queryset.order_by()[: EXACT + 1].count()
    if bounded <= EXACT:
        return bounded
    count = queryset.order_by().count()
    _recent.keep(key, count)
    return count


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
    """Counts of what is live: exact while at most 1,000 incidents are, above that at most *max_age* seconds old (at most 2)."""
    key = ("figures", actor.workspace_ids)
    if (kept := _recent.get(key, max_age)) is not None:
        return kept  # type: ignore[return-value]
    snoozed = Q(snoozed_until__gt=now)
    suppressed = Q(suppressed_by__isnull=False)
    groups = (
        Incident.objects.visible_to(actor)
        .live()
        .order_by()
        .values_list("status", "severity", "service_id", "service__name")
        .annotate(
            n=Count("pk"),
            snoozed=Count("pk", filter=snoozed),
            suppressed=Count("pk", filter=suppressed),
            waiting=Count("pk", filter=Q(status=Status.OPEN) & ~snoozed_or(suppressed)),
        )
    )
    result = _figures([tuple(row) for row in groups])
    if result.live > EXACT:
        _recent.keep(key, result)
    return result


def snoozed_or(condition: Q) -> Q:
    """Hidden for a named reason: snoozed (the sweep clears the column at its time) or *condition*."""
    return Q(snoozed_until__isnull=False) | condition


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
