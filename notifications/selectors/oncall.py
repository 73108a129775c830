"""Schedules as the values that ``notifications.oncall`` decides on, in a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from aiops.access.models import Membership, User
from notifications import oncall
from notifications.choices import RotationUnit
from notifications.models import Layer, LayerMember, Override, Schedule, TimeOff
from notifications.oncall import LayerSpec, OverrideSpec, ScheduleSpec, Shift, restrictions
from notifications.oncall.conflicts import Away, Conflict
from notifications.oncall.conflicts import conflicts as find_conflicts

AHEAD = timedelta(days=8)  # how far the end of a holder's shift is exact


def load(schedule_ids: Iterable[int], start: datetime, end: datetime) -> dict[int, ScheduleSpec]:
    """The schedules, with the overrides that touch the stretch from *start* to *end*. Four queries, however many.

    People who were deactivated, or who left the workspace, hold nothing: their turns are gaps, their overrides are void.
    """
    ids = list(schedule_ids)
    if not ids:
        return {}
    layers, overrides = _layers(ids), _overrides(ids, start, end)
    rows = Schedule.objects.filter(pk__in=ids).annotate(fallback_there=_there("fallback", "workspace"))
    return {
        row.pk: ScheduleSpec(
            id=row.pk,
            name=row.name,
            time_zone=row.time_zone,
            layers=tuple(_layer_spec(layer, turns, row.time_zone) for layer, turns in layers[row.pk]),
            overrides=tuple(overrides[row.pk]),
            fallback_id=row.fallback_id if row.fallback_there else None,
            since=row.created_at,
        )
        for row in rows
    }


def holders(schedule_ids: Iterable[int], at: datetime) -> dict[int, Shift | None]:
    """Who has each schedule at *at* (None: nobody). A shift's end is exact up to eight days ahead; four queries."""
    return {
        schedule_id: oncall.on_call(schedule, at)
        for schedule_id, schedule in load(schedule_ids, at, at + AHEAD).items()
    }


def conflicts(schedule_ids: Iterable[int], start: datetime, end: datetime) -> list[Conflict]:
    """Shifts of the stretch whose holder is away then, by time; the last ones to their own end. Five queries."""
    schedules = load(schedule_ids, start, end + AHEAD)
    shifts = {pk: oncall.upcoming(schedule, start, end) for pk, schedule in schedules.items()}
    holders = {shift.user_id for found in shifts.values() for shift in found}
    rows = TimeOff.objects.filter(user_id__in=holders, ends_at__gt=start, starts_at__lt=end)
    away = [Away(row.user_id, row.starts_at, row.ends_at) for row in rows]
    found = [conflict for pk in schedules for conflict in find_conflicts(pk, shifts[pk], away)]
    return sorted(found, key=lambda conflict: conflict.start)


def people_of(schedule_id: int) -> set[int]:
    """Everybody who has a turn in the schedule, or is its fallback."""
    members = LayerMember.objects.filter(layer__schedule=schedule_id, layer__retired_at=None)
    fallback = Schedule.objects.filter(pk=schedule_id, fallback__isnull=False).values_list("fallback_id", flat=True)
    return {*members.exclude(user=None).values_list("user_id", flat=True), *fallback}


def schedules_with(user_id: int) -> QuerySet[Schedule]:
    """The schedules in which a person has a turn, is the fallback, or takes over at some time."""
    turns = LayerMember.objects.filter(user=user_id).values("layer__schedule")
    overrides = Override.objects.filter(user=user_id).values("schedule")
    return Schedule.objects.filter(Q(pk__in=turns) | Q(pk__in=overrides) | Q(fallback=user_id))


def members_of(workspace_id: int) -> QuerySet[User]:
    """The active people of a workspace, who can be on call in it; superusers are in all."""
    membership = Membership.objects.filter(user=OuterRef("pk"), workspace_id=workspace_id)
    return User.objects.filter(Q(is_superuser=True) | Exists(membership), is_active=True)


def _layers(ids: list[int]) -> dict[int, list[tuple[Layer, tuple[int | None, ...]]]]:
    turns: dict[int, list[int | None]] = defaultdict(list)
    members = (
        LayerMember.objects.filter(layer__schedule_id__in=ids)
        .annotate(there=_there("user", "layer__schedule__workspace"))
        .order_by("layer_id", "position")
    )
    for layer_id, user_id, there in members.values_list("layer_id", "user_id", "there"):
        turns[layer_id].append(user_id if there else None)
    layers: dict[int, list[tuple[Layer, tuple[int | None, ...]]]] = defaultdict(list)
    for layer in Layer.objects.filter(schedule_id__in=ids).order_by("schedule_id", "position", "pk"):
        layers[layer.schedule_id].append((layer, tuple(turns[layer.pk])))
    return layers


def _overrides(ids: list[int], start: datetime, end: datetime) -> dict[int, list[OverrideSpec]]:
    overrides: dict[int, list[OverrideSpec]] = defaultdict(list)
    rows: QuerySet[Override] = Override.objects.filter(
        _there("user", "schedule__workspace"), schedule_id__in=ids, ends_at__gt=start, starts_at__lt=end
    )
    for row in rows.order_by("created_at", "pk"):
        spec = OverrideSpec(id=row.pk, user_id=row.user_id, starts_at=row.starts_at, ends_at=row.ends_at)
        overrides[row.schedule_id].append(spec)
    return overrides


def _there(user: str, workspace: str) -> Any:
    """That the person is active and in the workspace (superusers are in all)."""
    membership = Membership.objects.filter(user=OuterRef(f"{user}_id"), workspace=OuterRef(f"{workspace}_id"))
    return Q(**{f"{user}__is_active": True}) & (Q(**{f"{user}__is_superuser": True}) | Exists(membership))


def _layer_spec(layer: Layer, members: tuple[int | None, ...], zone: str) -> LayerSpec:
    return LayerSpec(
        id=layer.pk,
        name=str(layer),
        time_zone=layer.time_zone or zone,
        length=layer.length,
        unit=RotationUnit(layer.unit),
        starts_at=layer.starts_at,
        since=layer.since,
        ends_at=layer.ends_at,
        members=members,
        offset=layer.offset,
        restrictions=restrictions.of_json(layer.restrictions),
    )
