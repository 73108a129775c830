"""The throttle: how many single messages a destination gets before the rest goes into digests.

Pages of critical incidents have an allowance of their own. Nothing less urgent makes one wait; beyond the allowance one
waits for seconds, not for the end of the window.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import F
from django.db.models.functions import Greatest

from incidents.choices import Severity
from notifications.channels import CHANNELS
from notifications.choices import ChannelKind, Purpose, Rank
from notifications.delivery.models import Delivery, Destination

WINDOW = timedelta(seconds=60)
BURST = 3  # messages of an allowance to one destination in a window
LONGEST_CRITICAL = timedelta(seconds=15)  # that a critical page waits for a digest
BUNDLED = (Purpose.PAGE, Purpose.ANNOUNCE, Purpose.STAND_DOWN)


def is_bundled(delivery: Delivery) -> bool:
    """Whether a digest may tell *delivery*. A silent change of a message rings nobody, and would not change it."""
    return delivery.purpose in BUNDLED and not delivery.data.get("quiet")


def allowance_of(delivery: Delivery) -> str | None:
    """The field of its destination that counts *delivery*; None when it is not throttled, or told in a digest."""
    channel = CHANNELS[ChannelKind(delivery.kind)]
    if not channel.bundles or not is_bundled(delivery) or delivery.rank == Rank.DIGEST:
        return None
    return "critical_burst" if _is_critical(delivery) else "burst"


def let_through(
    destination: Destination, deliveries: Sequence[Delivery], now: datetime
) -> tuple[list[Delivery], list[Delivery]]:
    """Which of *deliveries* go one by one, in their order, and which wait for a digest. Counts on the locked *destination*, and
    saves it."""
    if destination.burst_began_at is None or now - destination.burst_began_at >= WINDOW:
        destination.burst_began_at, destination.burst, destination.critical_burst = now, 0, 0
    going: list[Delivery] = []
    beyond: list[Delivery] = []
    for delivery in deliveries:
        allowance = allowance_of(delivery) or "burst"
        used = getattr(destination, allowance)
        if used < BURST:
            setattr(destination, allowance, used + 1)
            going.append(delivery)
        else:
            beyond.append(delivery)
    destination.save(update_fields=["burst_began_at", "burst", "critical_burst"])
    return going, beyond


def digest_at(destination: Destination, delivery: Delivery, now: datetime) -> datetime:
    """When a digest tells what was beyond the allowance."""
    ends_at = (destination.burst_began_at or now) + WINDOW
    return min(ends_at, now + LONGEST_CRITICAL) if _is_critical(delivery) else ends_at


def refund(destination_id: int | None, deliveries: Iterable[Delivery]) -> None:
    """*deliveries*, all to one destination, were not sent after all: their part of its allowances is free again."""
    unused = Counter(allowance for delivery in deliveries if (allowance := allowance_of(delivery)) is not None)
    if unused and destination_id is not None:
        Destination.objects.filter(pk=destination_id).update(
            **{allowance: Greatest(0, F(allowance) - count) for allowance, count in unused.items()}
        )


def _is_critical(delivery: Delivery) -> bool:
    incident = delivery.incident
    return delivery.purpose == Purpose.PAGE and incident is not None and incident.severity == Severity.CRITICAL
