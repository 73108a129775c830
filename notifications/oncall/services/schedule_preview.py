"""The preview of a schedule's change: the draft is saved, compared with the schedule, and rolled back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from aiops.access.actors import Actor
from notifications import oncall
from notifications.oncall import Shift
from notifications.oncall.changes import Change, changes
from notifications.oncall.selectors.schedules import load
from notifications.oncall.services.schedules import ScheduleDraft, update_schedule

AHEAD = timedelta(weeks=8)


@dataclass(frozen=True, slots=True)
class Foretold:
    """Who has it now (None: nobody), and who has it when instead of whom in the weeks to come. *until*: where it was looked."""

    now: datetime
    until: datetime
    holder: Shift | None
    changes: list[Change]

    @property
    def seal(self) -> str:
        """The same for the same changes: what somebody has agreed to. Changes that begin now begin now a minute later, too."""
        told = [
            ("" if one.start <= self.now else one.start, "" if one.end >= self.until else one.end, one.was, one.becomes)
            for one in self.changes
        ]
        return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def foretell(*, actor: Actor, schedule_id: int, draft: ScheduleDraft, now: datetime) -> Foretold:
    """Who would be on call otherwise if the schedule were *draft*. Raises what ``update_schedule`` raises; changes nothing."""
    until = now + AHEAD
    with transaction.atomic():
        before = oncall.final_schedule(load([schedule_id], now, until)[schedule_id], now, until)
        update_schedule(actor=actor, schedule_id=schedule_id, draft=draft, now=now)
        spec = load([schedule_id], now, until)[schedule_id]
        transaction.set_rollback(True)
    after = oncall.final_schedule(spec, now, until)
    return Foretold(now, until, oncall.on_call(spec, now), changes(before, after))
