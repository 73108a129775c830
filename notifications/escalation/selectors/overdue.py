"""The lag of paging: the oldest due rows, read from the partial indexes of the sweeps."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Min

from notifications.choices import WAITING
from notifications.delivery.models import Delivery
from notifications.escalation.models import EscalationRun


def oldest(now: datetime) -> dict[str, timedelta]:
    """Per kind of row (``runs``, ``deliveries``), how long the oldest one that is due at *now* has waited; zero: none is."""
    due = {
        "runs": EscalationRun.objects.filter(next_step_at__lte=now).aggregate(at=Min("next_step_at"))["at"],
        "deliveries": Delivery.objects.filter(state__in=WAITING, due_at__lte=now).aggregate(at=Min("due_at"))["at"],
    }
    return {rows: now - at if at is not None else timedelta(0) for rows, at in due.items()}
