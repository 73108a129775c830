"""Reply codes: the short number by which an answer from a phone says which incident it means.

An incident keeps its code on a phone for as long as it lives; the code is free again when it has ended.
"""

from __future__ import annotations

from django.db import transaction

from incidents.choices import LIVE
from notifications.choices import ChannelKind
from notifications.models import Delivery, Destination

HIGHEST = 999


def assign(delivery: Delivery) -> None:
    """Give a text message about an incident its code, in its row too: the one that the incident has on this phone, else the
    lowest that no live incident has there. One short transaction; before rendering."""
    if delivery.kind != ChannelKind.SMS or delivery.incident_id is None or delivery.destination_id is None:
        return
    with transaction.atomic():
        # Two workers may write to one phone at a time.
        Destination.objects.select_for_update(no_key=True).get(pk=delivery.destination_id)
        there = Delivery.objects.filter(destination_id=delivery.destination_id, reply_code__isnull=False)
        code = there.filter(incident_id=delivery.incident_id).values_list("reply_code", flat=True).first()
        if code is None:
            taken = set(there.filter(incident__status__in=LIVE).values_list("reply_code", flat=True))
            code = next((number for number in range(1, HIGHEST + 1) if number not in taken), None)
        Delivery.objects.filter(pk=delivery.pk).update(reply_code=code)
        delivery.reply_code = code
