"""Schedules from the database as the values of ``notifications.oncall``, in a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from aiops.access.models import Membership, User
from notifications import oncall
from notifications.choices import RotationUnit
from notifications.oncall import FUTURE, PAST, LayerSpec, OverrideSpec, ScheduleSpec, Shift, restrictions
from notifications.oncall.conflicts import Away, Conflict
from notifications.oncall.conflicts import conflicts as find_conflicts
from notifications.oncall.models import Departure, Layer, LayerMember, Override, Schedule, TimeOff
from notifications.oncall.rotation import Stretch, joined, without

AHEAD = timedelta(days=8)  # how far the end of a holder's shift is exact


def load(
    schedule_ids: Iterable[int], start: datetime, end: datetime, now: datetime | None = None
) -> dict[int, ScheduleSpec]:
    """The schedules, with the overrides that touch the stretch from *start* to *end*. Four queries, however many.

    Who left the workspace, was deactivated or deleted holds nothing from then on, and nothing from *now* (None: *start*) on
    whatever is written of it: their turns are gaps, their overrides are void. What they had before is theirs.
    """
    ids = list(schedule_ids)
    if not ids:
        return {}
    presence = _Presence(ids, start, now or start)
    members, overrides = _members(ids), _overrides(ids, start, end)
    rows = Schedule.objects.filter(pk__in=ids).annotate(fallback_there=_there("fallback", "workspace"))
    return {row.pk: _spec(row, members[row.pk], overrides[row.pk], presence) for row in rows}


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


class _Presence:
    """When people were not there, in the workspaces of some schedules. One query."""

    def __init__(self, schedule_ids: list[int], start: datetime, now: datetime) -> None:
        self.start, self.now = start, now
        self._told: dict[tuple[int, int], list[Departure]] = defaultdict(list)
        where = Schedule.objects.filter(pk__in=schedule_ids).values("workspace")
        rows = Departure.objects.filter(Q(back_at=None) | Q(back_at__gt=start), workspace__in=where, user__isnull=False)
        for row in rows:
            self._told[row.workspace_id, row.user_id or 0].append(row)

    def gone(self, workspace_id: int, user_id: int, there: bool) -> list[Stretch]:
        """When, in order. *there*: whether the person is there now, whatever is written."""
        told = self._told.get((workspace_id, user_id), [])
        found = [
            (row.left_at, min(row.back_at or FUTURE, self.now) if there else row.back_at or FUTURE) for row in told
        ]
        return joined(found if there else [*found, (self.now, FUTURE)])

    def all_along(self, stretches: Sequence[Stretch]) -> bool:
        """Whether somebody who is gone then holds nothing of what is looked at."""
        return any(left <= self.start and back == FUTURE for left, back in stretches)


def _spec(row: Any, members: Sequence[LayerMember], overrides: Sequence[Override], presence: _Presence) -> ScheduleSpec:
    *stand_ins, (fallback_id, _) = _stand_ins(row, presence)
    return ScheduleSpec(
        id=row.pk,
        name=row.name,
        time_zone=row.time_zone,
        layers=tuple(_layer_specs(row, members, presence)),
        overrides=tuple(piece for override in overrides for piece in _override_specs(row, override, presence)),
        fallback_id=fallback_id,
        since=row.created_at,
        stand_ins=stand_ins,
    )


def _stand_ins(row: Any, presence: _Presence) -> list[tuple[int | None, datetime]]:
    """The fallback people, one after another, and up to when (None: nobody, or somebody who was not there)."""
    ends = [(user_id, min(datetime.fromisoformat(until), presence.now)) for user_id, until in row.fallbacks_before]
    found: list[tuple[int | None, datetime]] = []
    begins = PAST
    for user_id, until in [*ends, (row.fallback_id, FUTURE)]:
        there = bool(row.fallback_there) if until == FUTURE else True
        gone = presence.gone(row.workspace_id, user_id, there) if user_id is not None else []
        for on, off in without(gone, begins, until):
            found += [(None, on)] if on > begins else []
            found.append((user_id, off))
            begins = off
        if begins < until:
            found.append((None, until))
        begins = until
    return found


def _layer_specs(row: Any, members: Sequence[LayerMember], presence: _Presence) -> Iterator[LayerSpec]:
    turns: dict[Layer, list[int | None]] = defaultdict(list)
    gone: dict[int, list[Stretch]] = {}
    for member in members:
        user_id = member.user_id
        if user_id is not None:
            gone[user_id] = presence.gone(row.workspace_id, user_id, member.there)  # type: ignore[attr-defined]
            user_id = None if presence.all_along(gone[user_id]) else user_id
        turns[member.layer].append(user_id)
    for layer, people in sorted(turns.items(), key=lambda one: (one[0].position, one[0].pk)):
        yield _layer_spec(layer, tuple(people), row.time_zone, gone)


def _override_specs(row: Any, override: Any, presence: _Presence) -> Iterator[OverrideSpec]:
    gone = presence.gone(row.workspace_id, override.user_id, override.there)
    if presence.all_along(gone):
        return
    for on, off in without(gone, override.starts_at, override.ends_at):
        yield OverrideSpec(id=override.pk, user_id=override.user_id, starts_at=on, ends_at=off)


def _members(ids: list[int]) -> dict[int, list[LayerMember]]:
    found: dict[int, list[LayerMember]] = defaultdict(list)
    rows = LayerMember.objects.filter(layer__schedule_id__in=ids).select_related("layer")
    for row in rows.annotate(there=_there("user", "layer__schedule__workspace")).order_by("layer_id", "position"):
        found[row.layer.schedule_id].append(row)
    return found


def _overrides(ids: list[int], start: datetime, end: datetime) -> dict[int, list[Override]]:
    found: dict[int, list[Override]] = defaultdict(list)
    rows = Override.objects.filter(schedule_id__in=ids, ends_at__gt=start, starts_at__lt=end, user__isnull=False)
    for row in rows.annotate(there=_there("user", "schedule__workspace")).order_by("created_at", "pk"):
        found[row.schedule_id].append(row)
    return found


def _there(user: str, workspace: str) -> Any:
    """That the person is active and in the workspace (superusers are in all)."""
    membership = Membership.objects.filter(user=OuterRef(f"{user}_id"), workspace=OuterRef(f"{workspace}_id"))
    return Q(**{f"{user}__is_active": True}) & (Q(**{f"{user}__is_superuser": True}) | Exists(membership))


def _layer_spec(layer: Layer, members: tuple[int | None, ...], zone: str, gone: dict[int, list[Stretch]]) -> LayerSpec:
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
        gone={user_id: gone[user_id] for user_id in set(members) if user_id is not None and gone[user_id]},
        restrictions=restrictions.of_json(layer.restrictions),
    )
