"""When pages reached people. A page is counted once, by when the first of the person's destinations took it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Min

from notifications.choices import NOTIFIED, Purpose
from notifications.delivery.models import Delivery

MOST_PAGES = 100_000


def pages(
    user_ids: Sequence[int], *, workspaces: set[int], start: datetime, end: datetime
) -> dict[int, list[datetime]]:
    """The pages of *workspaces* that reached each person from *start* until before *end*; at most 100,000. One query."""
    rows = (
        Delivery.objects.filter(
            workspace__in=workspaces,
            recipient__in=user_ids,
            purpose=Purpose.PAGE,
            state__in=NOTIFIED,
            sent_at__gte=start,
            sent_at__lt=end,
        )
        .order_by()
        .values("recipient", "incident", "episode", "round", "step")
        .annotate(at=Min("sent_at"))
        .values_list("recipient", "at")[:MOST_PAGES]
    )
    found: dict[int, list[datetime]] = defaultdict(list)
    for user_id, at in rows:
        found[user_id].append(at)
    return found
