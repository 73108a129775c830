"""Timed work that nobody may lose: deadlines are rows, and whatever is due is found by looking for it.

An app registers a :class:`Duty` for each table of deadlines. Four things then make somebody look: the :class:`Doorbell` that its
services ring after a commit, the sweep that beat sends, the fallback poll of each worker while the broker is away (``standby``),
and the end of what was in hand. Looking is one Celery task, whose body is :meth:`Outbox.run`; rows are taken in hand under a
lease (``lease``), so that what a killed worker had is free again.
"""

from __future__ import annotations

from aiops.kernel.outbox.doorbell import Doorbell
from aiops.kernel.outbox.duty import Duty, duties, move_deadlines, register, unregister
from aiops.kernel.outbox.outbox import Outbox

__all__ = ["Doorbell", "Duty", "Outbox", "duties", "move_deadlines", "register", "unregister"]
