"""The on-call load of each person over a range of time, from past schedules and the pages that were sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from django.db.models import Min

from aiops.access.models import User
from notifications import oncall
from notifications.choices import NOTIFIED, Purpose
from notifications.delivery.models import Delivery
from notifications.oncall.fairness import Load, loads
from notifications.oncall.models import Schedule
from notifications.oncall.selectors.names import named
from notifications.oncall.selectors.schedules import load

MOST_PAGES = 100_000


def report(schedules: Iterable[Schedule], start: datetime, end: datetime) -> list[tuple[User, Load]]:
    """Everybody who was on call in one of the schedules between *start* and *end*, most hours first. Seven queries.

    A page is counted once, however many of a person's destinations it went to, by when the first took it.
    """
    rows = list(schedules)
    specs = load([schedule.pk for schedule in rows], start, end, end)
    shifts = [shift for spec in specs.values() for shift in oncall.final_schedule(spec, start, end)]
    people = named(shift.user_id for shift in shifts)
    zones = {pk: user.time_zone for pk, user in people.items()}
    paged = _pages({schedule.workspace_id for schedule in rows}, set(people), start, end)
    return [(people[one.user_id], one) for one in loads(shifts, paged, zones, start, end)]


def _pages(workspaces: set[int], people: set[int], start: datetime, end: datetime) -> dict[int, list[datetime]]:
    rows = (
        Delivery.objects.filter(
            workspace__in=workspaces,
            recipient__in=people,
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
