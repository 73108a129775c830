"""Retention: deletes old deliveries with their receipts, used links and proofs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings

from incidents.upkeep.services import upkeep
from notifications.choices import ON_ITS_WAY
from notifications.delivery.models import Delivery
from notifications.replies.models import UsedLink
from notifications.watch.models import PagingProof

BATCH = 5000
LINKS = timedelta(days=2)  # longer than any link is good for
PROOFS = timedelta(days=30)


def forget_old(now: datetime) -> int:
    """Drop what is older than its time, a batch at a time; returns how many deliveries went."""
    works: dict[str, Callable[[], object]] = {
        "links": UsedLink.objects.filter(used_at__lt=now - LINKS).delete,
        "proofs": PagingProof.objects.filter(started_at__lt=now - PROOFS).delete,
        "deliveries": partial(_forget_deliveries, now),
    }
    dropped: int = upkeep.parts("paging-housekeeping", works, now).get("deliveries", 0)
    return dropped


def _forget_deliveries(now: datetime) -> int:
    dropped = 0
    old = Delivery.objects.filter(created_at__lt=now - settings.AIOPS_DELIVERY_RETENTION).exclude(state__in=ON_ITS_WAY)
    while ids := list(old.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        Delivery.objects.filter(digest_id__in=ids).update(digest=None)
        dropped += Delivery.objects.filter(pk__in=ids).delete()[1].get("notifications.Delivery", 0)
        if len(ids) < BATCH:
            break
    return dropped
