"""The overview page's figures: open incidents by severity and service, and those that need a person now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.template.loader import render_to_string
from django.utils import timezone

from aiops.access.actors import Actor
from aiops.access.models import User
from incidents.core import counting, selectors
from incidents.core.models import Incident
from incidents.response.console.rows import for_rows, rows_of
from notifications.escalation.selectors.people import reachable

WAITING = 8  # rows
ENDED = 5  # rows
SERVICES = 8  # bars
NAMED = 5  # people whom no page reaches
HOURS = 24
LATEST = 20_000  # incidents that are counted by hour, at most: the page costs the same however much happened
HOURS_AGE = 10  # seconds that these counts may be old


@dataclass(frozen=True, slots=True)
class Hour:
    """How many incidents began in an hour, and its bar in a drawing of 24 columns, 60 high."""

    begins_at: datetime
    count: int
    x: int
    y: float
    height: float


def overview_context(actor: Actor, now: datetime) -> dict[str, Any]:
    """What ``_overview.html`` shows; the same for all who see the same workspaces."""
    figures = counting.figures(actor, now)
    listing = for_rows(selectors.listing(actor))
    waiting = listing.needing_someone(now).order_by("-severity", "pk")[:WAITING]
    ended = listing.ended().order_by("-pk")[:ENDED]
    hours = opened_by_hour(actor, now)
    reach = reachable(actor, now)
    return {
        "figures": figures,
        "waiting": rows_of(waiting, now),
        "ended": rows_of(ended, now),
        "services": figures.by_service[:SERVICES],
        "most_services": max((count for _, _, count in figures.by_service), default=0),
        "most_severities": max(figures.by_severity.values(), default=0),
        "reach": reach,
        "unreached": reach.missing[:NAMED],
        "more_unreached": len(reach.missing[NAMED:]),
        "hours": hours,
        "opened": sum(hour.count for hour in hours),
        "now": now,
    }


def overview_html(actor: Actor, user: User, query: str, now: datetime) -> str:
    """The overview as its page includes it: what a socket is answered. *query* changes nothing here."""
    with timezone.override(ZoneInfo(user.time_zone)):
        return render_to_string("console/_overview.html", overview_context(actor, now))


def opened_by_hour(actor: Actor, now: datetime) -> list[Hour]:
    """The last 24 hours, oldest first, on the hours of the reader's clock."""
    first = timezone.localtime(now).replace(minute=0, second=0, microsecond=0) - timedelta(hours=HOURS - 1)
    key = f"console:hours:{actor.workspace_ids}:{first.timestamp():.0f}"
    counts: list[int] = cache.get_or_set(key, lambda: _count_by_hour(actor, first), HOURS_AGE) or []
    most = max(counts, default=0) or 1
    heights = [max(2.0, 60 * count / most) for count in counts]
    return [
        Hour(first + timedelta(hours=n), count, n * 10, 60 - height, height)
        for n, (count, height) in enumerate(zip(counts, heights, strict=True))
    ]


def _count_by_hour(actor: Actor, first: datetime) -> list[int]:
    newest = Incident.objects.visible_to(actor).listed().order_by("-pk").values_list("created_at", flat=True)[:LATEST]
    counts = [0] * HOURS
    for created_at in newest:
        if created_at >= first:
            counts[min(HOURS - 1, int((created_at - first) / timedelta(hours=1)))] += 1
    return counts
