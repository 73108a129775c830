"""Verbs on swaps: a person asks for somebody to take a shift; the first who accepts gets an override.

The schedule is locked meanwhile. Of two people who accept at once one gets the shift, and the other reads who was
first. Both sides hear of it by the events of ``oncall.events``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db.models import QuerySet

from aiops.access.actors import Actor, Role
from aiops.access.models import User
from aiops.audit.verbs import audited, changes, makes
from aiops.kernel.errors import Conflict, InvalidInput, NotFound, NotPermitted
from incidents.core.services import reactions
from notifications.choices import SwapState
from notifications.oncall.events import SwapEvent, SwapFact
from notifications.oncall.models import Schedule, ShiftSwap
from notifications.oncall.selectors.schedules import members_of, people_of
from notifications.oncall.services.overrides import check_span, holds, place, user_of
from notifications.oncall.services.schedules import locked


@audited("shift_swap.ask")
def ask_swap(
    *,
    actor: Actor,
    schedule_id: int,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    candidate_id: int | None = None,
    note: str = "",
) -> ShiftSwap:
    """Ask somebody (None: anybody of the schedule) to take a stretch that the actor has.

    Raises ``InvalidInput`` when the actor does not have all of it or the candidate is nobody of the schedule, ``Conflict`` when
    it is asked for already.
    """
    starts_at, user_id = max(starts_at, now), _person(actor)
    check_span(starts_at, ends_at)
    schedule = locked(actor, schedule_id)
    if not holds(schedule_id, user_id, starts_at, ends_at):
        raise InvalidInput("You are not on call in all of that time", field="starts_at")
    asked = _others(schedule, user_id)
    if candidate_id is not None and candidate_id not in asked:
        raise InvalidInput("Who is asked must be somebody else of this schedule", field="candidate")
    if not asked:
        raise InvalidInput("There is nobody else in this schedule", field="candidate")
    open_ones = ShiftSwap.objects.filter(schedule=schedule, requester=user_id, state=SwapState.OPEN)
    if open_ones.filter(starts_at__lt=ends_at, ends_at__gt=starts_at).exists():
        raise Conflict("You have asked for some of that time already")
    swap = ShiftSwap.objects.create(
        schedule=schedule,
        requester_id=user_id,
        candidate_id=candidate_id,
        starts_at=starts_at,
        ends_at=ends_at,
        note=note.strip()[:500],
        created_at=now,
    )
    told = {candidate_id} if candidate_id is not None else asked
    makes(swap)
    _publish(SwapEvent.ASKED, swap, actor, now, told)
    return swap


@audited("shift_swap.accept")
def accept_swap(*, actor: Actor, swap_id: int, now: datetime) -> ShiftSwap:
    """Take it. The first wins: raises ``Conflict`` saying who was, or why it can't be taken any more."""
    user_id = _person(actor)
    with _answering(actor, swap_id, now) as swap:
        if user_id == swap.requester_id or user_id not in _asked(swap):
            raise NotPermitted("You were not asked")
        starts_at = max(swap.starts_at, now)
        if not holds(swap.schedule_id, swap.requester_id, starts_at, swap.ends_at):
            raise Conflict("The shift is no longer theirs to give: the schedule has changed meanwhile")
        reason = f"Swap with {swap.requester.display_name}"
        swap.override = place(swap.schedule, user_id, starts_at, swap.ends_at, by=actor.label, now=now, reason=reason)
        _close(swap, SwapState.ACCEPTED, now, taken_by=user_id)
        _publish(SwapEvent.ACCEPTED, swap, actor, now)
    return swap


@audited("shift_swap.decline")
def decline_swap(*, actor: Actor, swap_id: int, now: datetime) -> ShiftSwap:
    """No. Only who was asked by name can say so; where anybody is asked, one simply does not accept."""
    with _answering(actor, swap_id, now) as swap:
        if swap.candidate_id is None or swap.candidate_id != _person(actor):
            raise NotPermitted("Only who was asked by name can decline")
        _close(swap, SwapState.DECLINED, now)
        _publish(SwapEvent.DECLINED, swap, actor, now)
    return swap


@audited("shift_swap.cancel")
def cancel_swap(*, actor: Actor, swap_id: int, now: datetime) -> ShiftSwap:
    """Not needed any more. For who asked, and operators."""
    with _answering(actor, swap_id, now) as swap:
        if user_of(actor) != swap.requester_id and not actor.may(Role.OPERATOR, swap.schedule.workspace_id):
            raise NotPermitted("Only who asked, or an operator, can take it back")
        _close(swap, SwapState.CANCELLED, now)
    return swap


def may_accept(swap: ShiftSwap, user_id: int | None, now: datetime) -> bool:
    """Whether to offer it to the person."""
    return (
        swap.state == SwapState.OPEN and swap.ends_at > now and user_id != swap.requester_id and user_id in _asked(swap)
    )


@contextmanager
def _answering(actor: Actor, swap_id: int, now: datetime) -> Iterator[ShiftSwap]:
    """The open swap, with its schedule locked, in an audited verb; ``NotFound``, or ``Conflict`` when it was answered."""
    rows = ShiftSwap.objects.select_related("requester", "taken_by")
    seen = rows.filter(pk=swap_id, schedule__in=Schedule.objects.visible_to(actor)).first()
    if seen is None:
        raise NotFound("There is no such swap")
    schedule = locked(actor, seen.schedule_id)
    swap = rows.get(pk=swap_id)  # as it is now that nobody else can answer it
    swap.schedule = schedule
    if swap.state == SwapState.ACCEPTED and swap.taken_by:
        raise Conflict(f"{swap.taken_by.display_name} was first", details=f"Accepted {swap.answered_at:%H:%M} UTC.")
    if swap.state != SwapState.OPEN:
        raise Conflict(f"It was {SwapState(swap.state).label.lower()} already")
    if swap.ends_at <= now:
        raise Conflict("The shift is over")
    changes(swap)
    yield swap


def _close(swap: ShiftSwap, state: SwapState, now: datetime, taken_by: int | None = None) -> None:
    swap.state, swap.answered_at, swap.taken_by_id = state, now, taken_by
    swap.save(update_fields=["state", "answered_at", "taken_by", "override"])


def _publish(event: SwapEvent, swap: ShiftSwap, actor: Actor, now: datetime, asked: Collection[int] = ()) -> None:
    reactions.publish(event, [SwapFact(swap_id=swap.pk, by=actor.label, asked=sorted(asked))], now)


def others_of(schedule: Schedule, user_id: int) -> QuerySet[User]:
    """Everybody else of the schedule who is still there: whom one can ask."""
    return members_of(schedule.workspace_id).filter(pk__in=people_of(schedule.pk) - {user_id}).order_by("username")


def _asked(swap: ShiftSwap) -> set[int]:
    return {swap.candidate_id} if swap.candidate_id else _others(swap.schedule, swap.requester_id)


def _others(schedule: Schedule, user_id: int) -> set[int]:
    return set(others_of(schedule, user_id).values_list("pk", flat=True))


def _person(actor: Actor) -> int:
    if (user_id := user_of(actor)) is None:
        raise NotPermitted("Shifts are swapped by the people who have them")
    return user_id
