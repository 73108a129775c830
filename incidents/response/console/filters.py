"""The list's filters in the console's words; all of them are in the URL."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.http import QueryDict

from incidents.choices import ENDED, LIVE
from incidents.core.filters import IncidentFilterSet, WordFilter, Words
from incidents.querysets import IncidentQuerySet

LIVE_ONES = Q(status__in=LIVE)

# What the tabs show.
VIEWS: Words = {
    "live": LIVE_ONES,
    "waiting": lambda now: LIVE_ONES & Q(status="open", suppressed_by__isnull=True) & ~Q(snoozed_until__gt=now),
    "snoozed": lambda now: LIVE_ONES & Q(snoozed_until__gt=now),
    "ended": Q(status__in=ENDED),
    "all": Q(),
}

SPANS = {
    "15m": ("Last 15 min", timedelta(minutes=15)),
    "1h": ("Last hour", timedelta(hours=1)),
    "4h": ("Last 4 hours", timedelta(hours=4)),
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
}


def _within(span: timedelta) -> Any:
    return lambda now: Q(created_at__gte=now - span)


class ViewFilter(WordFilter):
    """A tab. ``mine`` depends on who asks; no word at all means live."""

    def __init__(self) -> None:
        super().__init__({**VIEWS, "mine": Q()})

    def filter(self, qs: IncidentQuerySet, value: list[str]) -> IncidentQuerySet:
        if value == ["mine"]:
            return qs.filter(mine(self.parent.user_id, self.parent.user_label))
        return super().filter(qs, value or ["live"])


def mine(user_id: int | None, label: str) -> Q:
    """Live, and assigned to the person, or acknowledged by it and assigned to nobody."""
    return LIVE_ONES & (Q(assignee_id=user_id) | Q(assignee__isnull=True, acknowledged_by=label))


class ConsoleFilterSet(IncidentFilterSet):
    """The shared filters, with the tabs (``view``) and time ranges that move along (``last``)."""

    view = ViewFilter()
    before = None  # type: ignore[assignment] # here a cursor (paging.py), not an id
    last = WordFilter({word: _within(span) for word, (_, span) in SPANS.items()})

    def __init__(
        self, data: QueryDict, queryset: IncidentQuerySet, *, now: datetime, user_id: int | None = None, user_label: str = "",
        **kwargs: Any,
    ) -> None:  # fmt: skip
        self.user_id, self.user_label = user_id, user_label
        super().__init__(data, queryset, now=now, **kwargs)
