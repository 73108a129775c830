"""The on-call load of each person over a range of time, from past schedules and the pages that were sent."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from aiops.access.models import User
from notifications import oncall
from notifications.oncall.fairness import Load, loads
from notifications.oncall.models import Schedule
from notifications.oncall.selectors.names import named
from notifications.oncall.selectors.schedules import load
from notifications.oncall.slots import PAGES


def report(schedules: Iterable[Schedule], start: datetime, end: datetime) -> list[tuple[User, Load]]:
    """Everybody who was on call in one of the schedules between *start* and *end*, most hours first. Seven queries.

    A page is counted once, however many of a person's destinations it went to, by when the first took it.
    """
    rows = list(schedules)
    specs = load([schedule.pk for schedule in rows], start, end, end)
    shifts = [shift for spec in specs.values() for shift in oncall.final_schedule(spec, start, end)]
    people = named(shift.user_id for shift in shifts)
    zones = {pk: user.time_zone for pk, user in people.items()}
    paged = PAGES.load(list(people), workspaces={schedule.workspace_id for schedule in rows}, start=start, end=end)
    return [(people[one.user_id], one) for one in loads(shifts, paged, zones, start, end)]
