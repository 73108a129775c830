"""What beat sends to the workers, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery.schedules import schedule

from aiops.kernel.clock import unset_now


def entry(task: str, queue: str, seconds: float, expires: int) -> dict[str, Any]:
    """An entry of Celery's beat schedule: *task* to *queue* every so many *seconds*, dropped by who finds it after *expires*."""
    return {
        "task": task,
        # Celery's own clock stands still for an hour when the machine's is set back by one.
        "schedule": schedule(timedelta(seconds=seconds), nowfun=unset_now),
        "options": {"queue": queue, "expires": expires},
    }
