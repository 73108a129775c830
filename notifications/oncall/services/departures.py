"""Departures: records when a person of a schedule leaves the workspace or returns, so that past shifts stay true.

An active member is in a workspace (a superuser is in all). Signals of Django's models report changes; every five
minutes :func:`note` finds those that went past them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.signals import post_delete, post_save, pre_delete

from aiops.access.actors import Actor, Role
from aiops.access.models import Membership, User, Workspace
from aiops.audit.recording import Object
from aiops.audit.verbs import about, audited, says
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import NotPermitted
from notifications.choices import SwapState
from notifications.oncall.models import Departure, LayerMember, Override, Schedule, ShiftSwap

COUNTS = {"is_active", "is_superuser"}  # what of a person's row says whether they are there

Place = tuple[int, int]  # of whom, where: a workspace's and a person's number


def subscribe() -> None:
    """Hear of people who come and go, from now on."""
    post_save.connect(_person_saved, User, dispatch_uid="presence")
    pre_delete.connect(_person_deleted, User, dispatch_uid="presence")
    post_save.connect(_membership_saved, Membership, dispatch_uid="presence")
    post_delete.connect(_membership_deleted, Membership, dispatch_uid="presence")


def note(now: datetime, user_ids: Iterable[int] | None = None) -> None:
    """Write down who of the schedules' people (of *user_ids* only) has left or is back since it was looked last."""
    with transaction.atomic():
        known = Departure.objects.filter(_of("user", user_ids), back_at=None).select_for_update(no_key=True)
        gone = {(row.workspace_id, row.user_id): row for row in known}
        places = _places(user_ids)
        if not places and not gone:
            return
        there = _there(places | {(where, who or 0) for where, who in gone})
        for place, row in gone.items():
            if place in there:
                _is_back(row, now)
        _write(places - there - gone.keys(), now)


@audited("user.forget")
def forget(*, actor: Actor, user_id: int) -> None:
    """What somebody who was deleted was called is forgotten; what they had stays, without a name. For superusers."""
    if actor.everywhere != Role.ADMIN:
        raise NotPermitted("Names of people who were deleted are forgotten by admins of all workspaces")
    about(Object("user", str(user_id), "a deleted person", None))
    says(name="forgotten")
    Departure.objects.filter(user=user_id).update(name="")


def _write(places: Iterable[Place], now: datetime) -> None:
    left = list(places)
    people = User.objects.in_bulk({who for _, who in left})
    Departure.objects.bulk_create(
        [
            Departure(
                workspace_id=where,
                user_id=who,
                name=people[who].display_name if who in people else "",
                time_zone=people[who].time_zone if who in people else "UTC",
                left_at=now,
            )
            for where, who in left
        ],
        ignore_conflicts=True,  # somebody else has seen it, too
    )


def _is_back(row: Departure, now: datetime) -> None:
    if row.left_at >= now:
        row.delete()
    else:
        row.back_at = now
        row.save(update_fields=["back_at"])


def _places(user_ids: Iterable[int] | None) -> set[Place]:
    """Whose turns, overrides and fallbacks there are, or were."""
    turns = LayerMember.objects.filter(_of("user", user_ids), user__isnull=False)
    overrides = Override.objects.filter(_of("user", user_ids), user__isnull=False)
    fallbacks = Schedule.objects.filter(_of("fallback", user_ids), fallback__isnull=False)
    found = turns.order_by().values_list("layer__schedule__workspace", "user")
    return set(
        found.union(
            overrides.order_by().values_list("schedule__workspace", "user"),
            fallbacks.order_by().values_list("workspace", "fallback"),
        )
    )


def _there(places: Iterable[Place]) -> set[Place]:
    people = {who for _, who in places}
    active = User.objects.filter(pk__in=people, is_active=True)
    everywhere = set(active.filter(is_superuser=True).values_list("pk", flat=True))
    members = Membership.objects.filter(user__in=active).order_by()
    where = set(members.values_list("workspace", "user"))
    return {place for place in places if place in where or place[1] in everywhere}


def _of(field: str, user_ids: Iterable[int] | None) -> Q:
    return Q() if user_ids is None else Q(**{f"{field}__in": list(user_ids)})


def _person_saved(instance: User, created: bool, raw: bool, update_fields: Any = None, **_: Any) -> None:
    if not created and not raw and (update_fields is None or COUNTS & set(update_fields)):
        note(utcnow(), [instance.pk])


def _membership_saved(instance: Membership, raw: bool, **_: Any) -> None:
    if not raw:
        note(utcnow(), [instance.user_id])


def _membership_deleted(instance: Membership, origin: Any, **_: Any) -> None:
    if (
        not isinstance(origin, Workspace) and getattr(origin, "model", None) is not Workspace
    ):  # with it, all of this ends
        note(utcnow(), [instance.user_id])


def _person_deleted(instance: User, **_: Any) -> None:
    """The rows of what they had stay; their name is written down, and nobody is asked to swap with them any more."""
    now = utcnow()
    with transaction.atomic():
        places = _places([instance.pk])
        known = Departure.objects.filter(user=instance.pk)
        _write(places - set(known.filter(back_at=None).values_list("workspace", "user")), now)
        known.update(name=instance.display_name, time_zone=instance.time_zone)
        for schedule in Schedule.objects.select_for_update(no_key=True).filter(fallback=instance.pk):
            schedule.fallbacks_before = [*schedule.fallbacks_before, [instance.pk, now.isoformat()]]
            schedule.save(update_fields=["fallbacks_before"])
        asked = ShiftSwap.objects.filter(candidate=instance.pk, state=SwapState.OPEN)
        asked.update(state=SwapState.CANCELLED, answered_at=now)  # without a candidate, it would be for everybody
