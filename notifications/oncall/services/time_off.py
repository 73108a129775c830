"""Verbs on time off. Time off warns people who plan shifts; it changes no shift and suppresses no page."""

from __future__ import annotations

from datetime import datetime

from aiops.access.actors import Actor
from aiops.audit.verbs import audited, makes, removes
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted
from notifications.oncall.conflicts import Conflict
from notifications.oncall.models import TimeOff
from notifications.oncall.selectors.schedules import conflicts, schedules_with
from notifications.oncall.services.overrides import check_span, user_of


@audited("time_off.add")
def add_time_off(
    *, actor: Actor, starts_at: datetime, ends_at: datetime, now: datetime, reason: str = ""
) -> tuple[TimeOff, list[Conflict]]:
    """The actor, who must be a person, is away; returns that and the shifts it falls on, which stay until somebody takes them."""
    user_id = _person(actor)
    check_span(starts_at, ends_at)
    if ends_at <= now:
        raise InvalidInput("The end must lie in the future", field="ends_at")
    row = TimeOff.objects.create(
        user_id=user_id, starts_at=starts_at, ends_at=ends_at, reason=reason.strip()[:500], created_at=now
    )
    makes(row)
    ids = schedules_with(user_id).values_list("pk", flat=True)
    found = conflicts(ids, max(starts_at, now), ends_at)
    return row, [conflict for conflict in found if conflict.user_id == user_id]


@audited("time_off.remove")
def remove_time_off(*, actor: Actor, time_off_id: int) -> None:
    """The actor is not away after all. Raises ``NotFound`` for anybody else's."""
    row = TimeOff.objects.select_for_update().filter(pk=time_off_id, user_id=_person(actor)).first()
    if row is None:
        raise NotFound("There is no such time off of yours")
    removes(row)
    row.delete()


def _person(actor: Actor) -> int:
    if (user_id := user_of(actor)) is None:
        raise NotPermitted("Time off is a person's own")
    return user_id
