"""Verbs on time off. Time off warns people who plan shifts; it changes no shift and suppresses no page."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from aiops.access.actors import Actor
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted
from notifications.oncall.conflicts import Conflict
from notifications.oncall.models import TimeOff
from notifications.oncall.selectors.schedules import conflicts, schedules_with
from notifications.oncall.services.overrides import check_span, user_of


def add_time_off(
    *, actor: Actor, starts_at: datetime, ends_at: datetime, now: datetime, reason: str = ""
) -> tuple[TimeOff, list[Conflict]]:
    """The actor, who must be a person, is away; returns that and the shifts it falls on, which stay until somebody takes them."""
    user_id = _person(actor)
    check_span(starts_at, ends_at)
    if ends_at <= now:
        raise InvalidInput("The end must lie in the future", field="ends_at")
    with transaction.atomic():
        row = TimeOff.objects.create(
            user_id=user_id, starts_at=starts_at, ends_at=ends_at, reason=reason.strip()[:500], created_at=now
        )
    ids = schedules_with(user_id).values_list("pk", flat=True)
    found = conflicts(ids, max(starts_at, now), ends_at)
    return row, [conflict for conflict in found if conflict.user_id == user_id]


def remove_time_off(*, actor: Actor, time_off_id: int) -> None:
    """The actor is not away after all. Raises ``NotFound`` for anybody else's."""
    with transaction.atomic():
        gone, _ = TimeOff.objects.filter(pk=time_off_id, user_id=_person(actor)).delete()
    if not gone:
        raise NotFound("There is no such time off of yours")


def _person(actor: Actor) -> int:
    if (user_id := user_of(actor)) is None:
        raise NotPermitted("Time off is a person's own")
    return user_id
