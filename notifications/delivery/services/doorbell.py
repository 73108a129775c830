"""The doorbell of paging: rung after a commit when a run or a delivery is due."""

from __future__ import annotations

from aiops.kernel.outbox import Doorbell

TASK = "notifications.tasks.page"

bell = Doorbell(TASK)
ring = bell.ring
