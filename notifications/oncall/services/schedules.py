"""Verbs on schedules and their layers, for admins of the workspace.

The past and the shift in progress stay. A layer that has been on ends when it is changed or removed (at the next
hand-over when its people change), and a new layer follows it (``notifications.oncall.succession``). Raises
``NotPermitted``, ``NotFound``, ``Conflict`` and ``InvalidInput`` (naming the field, such as ``layers[0].members``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, GetPydanticSchema, TypeAdapter

from aiops.access.actors import Actor, Role
from aiops.access.models import Team, User
from aiops.audit.verbs import audited, changes, makes, removes
from aiops.kernel.errors import Conflict, InvalidInput, NotFound, NotPermitted
from aiops.kernel.validation import Filled, Key, Text, Whole, ZoneName, read
from incidents.catalogue.services.catalogue import FreshKey
from notifications.choices import RotationUnit
from notifications.oncall import FUTURE, LayerSpec, restrictions, slots
from notifications.oncall.models import Layer, LayerMember, Schedule
from notifications.oncall.restrictions import Restrictions
from notifications.oncall.selectors.schedules import members_of
from notifications.oncall.succession import succession

MOST_LAYERS, MOST_MEMBERS = 20, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDraft:
    """A layer as somebody wants it. *id*: the layer that it changes; None: a new one. *members*: user ids, in turn."""

    starts_at: datetime
    members: Annotated[Sequence[Key], Field(min_length=1, max_length=MOST_MEMBERS)]
    id: int | None = None
    name: Annotated[str, Text(200)] = ""
    time_zone: ZoneName = ""  # empty: the schedule's
    length: Annotated[int, Whole(1, 1000)] = 1
    unit: RotationUnit = RotationUnit.WEEK
    ends_at: datetime | None = None
    restrictions: Annotated[Sequence[Any], GetPydanticSchema(lambda _, handler: handler(Restrictions))] = ()  # as JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleDraft:
    """A schedule as somebody wants it; *layers* bottom first."""

    name: Annotated[str, Text(200, least=1)]
    description: Annotated[str, Text(20_000)] = ""
    team_id: int | None = None
    time_zone: ZoneName = "UTC"
    fallback_id: int | None = None
    alert_on_gaps: bool = True
    layers: Annotated[Sequence[Filled[LayerDraft]], Field(max_length=MOST_LAYERS)] = ()


_DRAFT = TypeAdapter(ScheduleDraft)


@audited("schedule.create", taken=lambda given: _taken(given["draft"]))
def create_schedule(*, actor: Actor, workspace_id: int, draft: ScheduleDraft, now: datetime) -> Schedule:
    """Make a schedule with its layers and a calendar feed of its own."""
    _require_admin(actor, workspace_id)
    draft = _checked(actor, draft, workspace_id)
    key = FreshKey.make()
    schedule = Schedule(workspace_id=workspace_id, feed_digest=key.digest, feed_sealed=key.sealed, created_at=now)
    _fill(schedule, draft)
    schedule.save()
    for position, layer in enumerate(draft.layers):
        _add_layer(schedule, position, layer, now)
    makes(schedule)
    return schedule


@audited("schedule.update", taken=lambda given: _taken(given["draft"]))
def update_schedule(*, actor: Actor, schedule_id: int, draft: ScheduleDraft, now: datetime) -> Schedule:
    """Make it what *draft* says. Layers that *draft* leaves out are no more."""
    schedule = locked(actor, schedule_id)
    _require_admin(actor, schedule.workspace_id)
    changes(schedule)
    draft = _checked(actor, draft, schedule.workspace_id)
    old_zone = schedule.time_zone
    if draft.fallback_id != schedule.fallback_id:
        schedule.fallbacks_before = [*schedule.fallbacks_before, [schedule.fallback_id, now.isoformat()]]
    _fill(schedule, draft)
    schedule.save()
    _replace_layers(schedule, old_zone, draft.layers, now)
    return schedule


@audited("schedule.delete")
def delete_schedule(*, actor: Actor, schedule_id: int) -> None:
    """Do away with it and its history; refused while an escalation policy pages it."""
    schedule = locked(actor, schedule_id)
    _require_admin(actor, schedule.workspace_id)
    users = slots.USERS.load([schedule.pk], workspace_id=schedule.workspace_id)
    if names := ", ".join(users.get(schedule.pk, ())):
        raise Conflict(f"{schedule.name} is paged by {names}", details="Take it out of there first.")
    removes(schedule)
    schedule.delete()


def draft_of(schedule: Schedule) -> ScheduleDraft:
    """The schedule as it is, to be changed."""
    layers = (
        Layer.objects.filter(schedule=schedule, retired_at=None).prefetch_related("members__user").order_by("position")
    )
    return ScheduleDraft(
        name=schedule.name,
        description=schedule.description,
        team_id=schedule.team_id,
        time_zone=schedule.time_zone,
        fallback_id=schedule.fallback_id,
        alert_on_gaps=schedule.alert_on_gaps,
        layers=[
            LayerDraft(
                id=layer.pk,
                name=layer.name,
                time_zone=layer.time_zone,
                length=layer.length,
                unit=RotationUnit(layer.unit),
                starts_at=layer.starts_at,
                ends_at=layer.ends_at,
                restrictions=layer.restrictions,
                members=[member.user.pk for member in layer.members.all() if member.user is not None],
            )
            for layer in layers
        ],
    )


def locked(actor: Actor, schedule_id: int) -> Schedule:
    """The schedule, locked, so that what depends on who holds it is decided by one at a time; ``NotFound``."""
    rows = Schedule.objects.visible_to(actor).select_for_update(no_key=True)
    if (schedule := rows.filter(pk=schedule_id).first()) is None:
        raise NotFound("There is no such schedule")
    return schedule


def _fill(schedule: Schedule, draft: ScheduleDraft) -> None:
    schedule.name = draft.name
    schedule.description = draft.description
    schedule.team_id = draft.team_id
    schedule.time_zone = draft.time_zone
    schedule.fallback_id = draft.fallback_id
    schedule.alert_on_gaps = draft.alert_on_gaps


def _replace_layers(schedule: Schedule, old_zone: str, drafts: Sequence[LayerDraft], now: datetime) -> None:
    rows = Layer.objects.filter(schedule=schedule, retired_at=None).select_related("follows")
    present = {layer.pk: layer for layer in rows.prefetch_related("members", "follows__members")}
    kept: set[int] = set()
    changed: list[tuple[int, LayerDraft, Layer | None]] = []
    for position, draft in enumerate(drafts):
        if draft.id is not None and (draft.id not in present or draft.id in kept):
            raise InvalidInput.at(("layers", position, "id"), "it is no layer of this schedule")
        old = present.get(draft.id) if draft.id is not None else None
        if old is not None and _says(old, old_zone) == _wants(draft, position, schedule.time_zone):
            kept.add(old.pk)
            Layer.objects.filter(pk=old.pk).update(name=draft.name, time_zone=draft.time_zone)
        else:
            changed.append((position, draft, old))
    replaced = {old.pk for _, _, old in changed if old is not None}
    for pk, layer in present.items():
        if pk not in kept and pk not in replaced:
            _retire(layer, old_zone, now, now)
    plans = [(position, draft, *_hand_over(schedule, old, old_zone, draft, now)) for position, draft, old in changed]
    for plan in plans:
        _add_layer(schedule, *plan)


def _hand_over(
    schedule: Schedule, old: Layer | None, old_zone: str, draft: LayerDraft, now: datetime
) -> tuple[datetime, int, Layer | None]:
    """Retire what *draft* changes; returns from when the new layer holds, its offset, and the one that it takes over from."""
    if old is None:
        return now, 0, None
    running = old if _began(old, now) else old.follows  # one that was to take over, and never has
    if running is None or not _began(running, now) or (running.ends_at or FUTURE) <= now:
        _retire(old, old_zone, now, now)
        return now, 0, None
    wanted = LayerSpec(
        id=None,
        time_zone=draft.time_zone or schedule.time_zone,
        length=draft.length,
        unit=draft.unit,
        starts_at=draft.starts_at,
        members=tuple(draft.members),
    )
    spec = _spec_of(running, old_zone, set(members_of(schedule.workspace_id).values_list("pk", flat=True)))
    at, offset = succession(replace(spec, ends_at=None if running.retired_at else spec.ends_at), wanted, now)
    if old is not running:
        old.delete()
    _retire(running, old_zone, now, min(at, draft.ends_at or FUTURE) if at > now else now)
    return at, offset, running if at > now else None


def _retire(layer: Layer, zone: str, now: datetime, ends_at: datetime) -> None:
    """It is on up to *ends_at*; one that never was is no more, and so is what it was to take over from."""
    if not _began(layer, now):
        if layer.follows is not None and (layer.follows.ends_at or FUTURE) > now:
            Layer.objects.filter(pk=layer.follows.pk).update(ends_at=now)
        layer.delete()
        return
    layer.ends_at = ends_at if layer.retired_at else min(layer.ends_at or ends_at, ends_at)
    layer.retired_at = layer.retired_at or now
    layer.time_zone = layer.time_zone or zone  # the schedule's may become another
    layer.save()


def _add_layer(
    schedule: Schedule, position: int, draft: LayerDraft, at: datetime, offset: int = 0, follows: Layer | None = None
) -> None:
    if draft.ends_at is not None and draft.ends_at <= at and follows is not None:
        return  # it ends with the shift in progress
    layer = Layer.objects.create(
        schedule=schedule,
        position=position,
        name=draft.name,
        time_zone=draft.time_zone,
        length=draft.length,
        unit=draft.unit,
        starts_at=draft.starts_at,
        since=at if draft.starts_at < at else None,  # its turns may be counted from long ago; nobody was on
        ends_at=draft.ends_at,
        offset=offset,
        follows=follows,
        restrictions=restrictions.as_json(draft.restrictions),
    )
    LayerMember.objects.bulk_create(
        LayerMember(layer=layer, position=place, user_id=user_id) for place, user_id in enumerate(draft.members)
    )


def _spec_of(layer: Layer, zone: str, there: set[int]) -> LayerSpec:
    turns = [member.user_id for member in sorted(layer.members.all(), key=lambda member: member.position)]
    return LayerSpec(
        id=layer.pk,
        time_zone=layer.time_zone or zone,
        length=layer.length,
        unit=RotationUnit(layer.unit),
        starts_at=layer.starts_at,
        since=layer.since,
        ends_at=layer.ends_at,
        members=tuple(user_id if user_id in there else None for user_id in turns),
        offset=layer.offset,
    )


def _began(layer: Layer, now: datetime) -> bool:
    return max(layer.starts_at, layer.since or layer.starts_at) < now


def _says(layer: Layer, zone: str) -> tuple[Any, ...]:
    members = [member.user_id for member in sorted(layer.members.all(), key=lambda member: member.position)]
    turns = (layer.length, layer.unit, layer.starts_at, layer.ends_at)
    return layer.position, layer.time_zone or zone, *turns, restrictions.of_json(layer.restrictions), members


def _wants(draft: LayerDraft, position: int, zone: str) -> tuple[Any, ...]:
    turns = (draft.length, draft.unit, draft.starts_at, draft.ends_at)
    return position, draft.time_zone or zone, *turns, tuple(draft.restrictions), list(draft.members)


def _checked(actor: Actor, draft: ScheduleDraft, workspace_id: int) -> ScheduleDraft:
    """*draft* in its one form, whose restrictions are read, whose team and people belong to the workspace."""
    draft = read(_DRAFT, asdict(draft))
    if draft.team_id and not Team.objects.filter(pk=draft.team_id, workspace_id=workspace_id).exists():
        raise InvalidInput("The team must be one of the same workspace", field="team")
    wanted = {user_id for layer in draft.layers for user_id in layer.members}
    there = set(members_of(workspace_id).filter(pk__in=wanted | {draft.fallback_id or 0}).values_list("pk", flat=True))
    if draft.fallback_id and draft.fallback_id not in there:
        raise InvalidInput("The fallback person must be a member of the workspace", field="fallback")
    for place, layer in enumerate(draft.layers):
        if layer.ends_at is not None and layer.ends_at <= layer.starts_at:
            raise InvalidInput.at(("layers", place, "ends_at"), "expected a time after starts_at.")
        if strangers := [user_id for user_id in layer.members if user_id not in there]:
            known = User.objects.filter(pk__in=strangers) if actor.everywhere is not None else User.objects.none()
            names = (
                ", ".join(known.values_list("username", flat=True)) or "somebody"
            )  # names stay within their workspaces
            raise InvalidInput.at(("layers", place, "members"), f"{names} is no member of this workspace")
    return draft


def _taken(draft: ScheduleDraft) -> InvalidInput:
    return InvalidInput(f"The workspace has a schedule named {draft.name!r}", field="name")


def _require_admin(actor: Actor, workspace_id: int) -> None:
    if not actor.may(Role.ADMIN, workspace_id):
        raise NotPermitted("Schedules are made and changed by admins of the workspace")
