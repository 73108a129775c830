"""Its task."""

from __future__ import annotations

from celery import shared_task

from aiops.kernel.outbox import Outbox
from tests.toy import services

OUTBOX = Outbox(services.bell, services.hold_due)


@shared_task(name=services.TASK)
def hold_drills() -> int:
    """Hold what is due; returns how many drills."""
    return OUTBOX.run()
