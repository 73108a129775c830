"""Clock roll-back: when PostgreSQL's clock is set back, later deadlines are moved back with it.

A message that was due in five minutes would otherwise wait for an hour more. When the clock is set forward, due work is
done, which is early at worst: nobody can tell that from a night without power.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Case, F, Q, When

from aiops.kernel.outbox import move_deadlines
from notifications.choices import WAITING, DeliveryState
from notifications.delivery.models import Delivery, Destination
from notifications.escalation.models import EscalationRun

log = logging.getLogger(__name__)

EVERY = 5.0  # seconds between two looks of one process
NOTABLE = timedelta(seconds=30)  # less is not worth a page that comes early

# One statement, under the row's lock: two workers never see the same jump.
_LOOK = """
WITH before AS (SELECT seen_at FROM notifications_sweepclock WHERE id = 1 FOR UPDATE)
UPDATE notifications_sweepclock SET seen_at = clock_timestamp() FROM before WHERE id = 1
RETURNING before.seen_at - notifications_sweepclock.seen_at, notifications_sweepclock.seen_at
"""

_BEGIN = "INSERT INTO notifications_sweepclock (id, seen_at) VALUES (1, clock_timestamp()) ON CONFLICT DO NOTHING"

_looked = float("-inf")


def now() -> datetime:
    """What time it is by the clock that deadlines go by. They are moved if it was set back since anybody looked last."""
    global _looked
    if time.monotonic() - _looked >= EVERY:
        _looked = time.monotonic()
        look()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        told: datetime = cursor.fetchone()[0]
    return told


def look() -> timedelta:
    """Move the deadlines if the clock was set back; returns by how much it was (zero: it was not)."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_LOOK)
            found = cursor.fetchone()
            if found is None:
                cursor.execute(_BEGIN)
                return timedelta(0)
        back: timedelta = found[0]
        if back < NOTABLE:
            return timedelta(0)
        move_deadlines(back, found[1])
    log.warning("The clock went back by %.0f s; deadlines were moved with it.", back.total_seconds())
    return back


def move(back: timedelta, now: datetime) -> None:
    """The deadlines of paging after *now* come *back* earlier."""
    EscalationRun.objects.filter(next_step_at__gt=now).update(next_step_at=F("next_step_at") - back)
    Delivery.objects.filter(state__in=WAITING, due_at__gt=now).update(due_at=F("due_at") - back)
    in_hand = Delivery.objects.filter(state=DeliveryState.SENDING, claimed_until__gt=now)
    in_hand.update(claimed_until=F("claimed_until") - back)
    held = Destination.objects.filter(Q(open_until__gt=now) | Q(burst_began_at__gt=now))
    held.update(
        **{
            name: Case(When(**{f"{name}__gt": now}, then=F(name) - back), default=F(name))
            for name in ("open_until", "burst_began_at")
        }
    )
