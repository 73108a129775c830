"""Names of people, also of those whose account was deleted."""

from __future__ import annotations

from collections.abc import Iterable

from aiops.access.models import User
from notifications.oncall.models import Departure

NAMELESS = "Somebody who was deleted"


def named(user_ids: Iterable[int]) -> dict[int, User]:
    """The people by number; whoever was deleted is a row that is not stored, with the name and the zone that they had."""
    wanted = set(user_ids)
    found = User.objects.in_bulk(wanted)
    if missing := wanted - found.keys():
        rows = {row.user_id: row for row in Departure.objects.filter(user__in=missing).order_by("left_at")}
        for user_id in missing:
            row = rows.get(user_id)
            name, zone = (row.name or NAMELESS, row.time_zone) if row is not None else (NAMELESS, "UTC")
            found[user_id] = User(pk=user_id, username=name, time_zone=zone, is_active=False)
    return found
