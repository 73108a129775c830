"""Short numbers to answer a text message with: each means one incident to one phone, for as long as that incident lives."""

from __future__ import annotations

from incidents.choices import LIVE
from notifications.models import Delivery

MOST = 999


def assign(delivery: Delivery) -> int | None:
    """The number that *delivery* may be answered with, stored with it; None when it is about no incident.

    The same incident keeps its number on a phone; a free one is the lowest that no live incident has there.
    """
    if delivery.incident_id is None or delivery.destination_id is None:
        return None
    there = Delivery.objects.filter(destination_id=delivery.destination_id, reply_code__isnull=False)
    code = there.filter(incident_id=delivery.incident_id).values_list("reply_code", flat=True).first()
    if code is None:
        taken = set(there.filter(incident__status__in=LIVE).values_list("reply_code", flat=True))
        code = next((number for number in range(1, MOST + 1) if number not in taken), None)
    Delivery.objects.filter(pk=delivery.pk).update(reply_code=code)
    return code
