"""Verbs on overrides, for operators, and for each person on their own shifts.

The past never changes: an override begins now at the earliest, and one that has begun is ended, not removed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from aiops.access.actors import Actor, ActorKind, Role
from aiops.audit.verbs import audited, changes, makes, removes
from aiops.kernel.errors import Conflict, InvalidInput, NotFound, NotPermitted
from notifications import oncall
from notifications.oncall.models import Override, Schedule
from notifications.oncall.selectors.schedules import load, members_of
from notifications.oncall.services.schedules import locked

LONGEST = timedelta(days=366)


@audited("override.create")
def create_override(
    *,
    actor: Actor,
    schedule_id: int,
    user_id: int,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    reason: str = "",
) -> Override:
    """*user_id* has the schedule from *starts_at* (now at the earliest) up to *ends_at*.

    Takes the role operator; or the actor holds every instant of it, and gives it away. Raises ``NotFound``, ``NotPermitted``,
    ``InvalidInput``.
    """
    starts_at = max(starts_at, now)
    check_span(starts_at, ends_at)
    schedule = locked(actor, schedule_id)
    if not actor.may(Role.OPERATOR, schedule.workspace_id) and not holds(
        schedule_id, user_of(actor), starts_at, ends_at
    ):
        raise NotPermitted("Overrides take the role operator, unless you give away shifts of your own")
    if not members_of(schedule.workspace_id).filter(pk=user_id).exists():
        raise InvalidInput("The person must be a member of the workspace", field="user")
    override = place(schedule, user_id, starts_at, ends_at, by=actor.label, now=now, reason=reason)
    makes(override)
    return override


@audited("override.end")
def end_override(*, actor: Actor, override_id: int, now: datetime) -> None:
    """Take it back: one to come is gone, one that has begun ends now. Operators only. Raises ``Conflict`` when it is over."""
    row = Override.objects.filter(pk=override_id, schedule__in=Schedule.objects.visible_to(actor)).first()
    if row is None:
        raise NotFound("There is no such override")
    schedule = locked(actor, row.schedule_id)
    if not actor.may(Role.OPERATOR, schedule.workspace_id):
        raise NotPermitted("Ending overrides takes the role operator")
    override = Override.objects.select_for_update(no_key=True).filter(pk=override_id).first()
    if override is None or override.ends_at <= now:
        raise Conflict("The override is over already")
    if override.starts_at >= now:
        removes(override)
        override.delete()
    else:
        changes(override)
        override.ends_at = now
        override.save(update_fields=["ends_at"])


def place(
    schedule: Schedule,
    user_id: int,
    starts_at: datetime,
    ends_at: datetime,
    *,
    by: str,
    now: datetime,
    reason: str = "",
) -> Override:
    """Write the row; the caller holds the schedule's lock and has checked who may."""
    return Override.objects.create(
        schedule=schedule,
        user_id=user_id,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason.strip()[:500],
        created_by=by[:254],
        created_at=now,
    )


def holds(schedule_id: int, user_id: int | None, starts_at: datetime, ends_at: datetime) -> bool:
    """Whether the person has every instant of the stretch."""
    spec = load([schedule_id], starts_at, ends_at)[schedule_id]
    shifts = [shift for shift in oncall.final_schedule(spec, starts_at, ends_at) if shift.user_id == user_id]
    held = sum((shift.end - shift.start for shift in shifts), timedelta())
    return user_id is not None and held == ends_at - starts_at


def check_span(starts_at: datetime, ends_at: datetime) -> None:
    """Raises ``InvalidInput`` unless it ends after it begins, within a year."""
    if ends_at <= starts_at:
        raise InvalidInput("The end must lie after the beginning, and in the future", field="ends_at")
    if ends_at - starts_at > LONGEST:
        raise InvalidInput("At most a year at a time", field="ends_at")


def user_of(actor: Actor) -> int | None:
    """The row number of the person that the actor is; None: no person."""
    return int(actor.id) if actor.kind == ActorKind.USER and actor.id.isdecimal() else None
