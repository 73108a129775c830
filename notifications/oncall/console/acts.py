"""Buttons of the on-call pages: each reads a form, calls one service, shows a message, and goes back."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from aiops.access.counters import Counters
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import Conflict, InvalidInput, NotFound, NotPermitted, Overloaded, RateLimited
from aiops.web import kept_input
from aiops.web.console_view import by_button, console_view, go_back
from aiops.web.requests import ActorRequest
from notifications.oncall.console import boards
from notifications.oncall.console.forms import ImportForm, OverrideForm, SwapForm, TimeOffForm, first_complaint
from notifications.oncall.selectors.schedules import members_of
from notifications.oncall.services import calendars, overrides, schedules, swaps, time_off

MINE = "console-oncall-mine"
_uploads = Counters("calendar-upload", 60)
ANSWERS: dict[str, tuple[Callable[..., Any], str]] = {
    "accept": (swaps.accept_swap, "The shift is yours."),
    "decline": (swaps.decline_swap, "You declined."),
    "cancel": (swaps.cancel_swap, "Nobody is asked any more. The shift stays as it was."),
}


def button(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A POST; a refusal is told on the page from which it came."""

    @by_button(lambda **_: reverse("console-oncall"))
    @console_view
    @wraps(view)
    def wrapped(request: ActorRequest, **ids: int) -> HttpResponse:
        try:
            return view(request, **ids)
        except (InvalidInput, NotPermitted, RateLimited, Overloaded) as error:
            messages.error(request, f"{error.message}.")
        except Conflict as error:
            messages.warning(request, " ".join(filter(None, [f"{error.message}.", error.details])))
        kept_input.put(request.session, kept_input.typed(request.POST))
        return go_back(request, reverse("console-oncall"))

    return wrapped


@button
def create_override(request: ActorRequest, schedule_id: int) -> HttpResponse:
    """Somebody else has it for a while."""
    actor = request.actor
    schedule = boards.schedule_for(actor, schedule_id)
    filled = _read(OverrideForm(request.POST, members=members_of(schedule.workspace_id)))
    overrides.create_override(
        actor=actor,
        schedule_id=schedule_id,
        user_id=filled["user"].pk,
        starts_at=filled["starts_at"],
        ends_at=filled["ends_at"],
        reason=filled["reason"],
        now=utcnow(),
    )
    messages.success(request, f"{filled['user'].display_name} has {schedule.name} from {_text(filled['starts_at'])}.")
    return go_back(request, reverse("console-oncall-schedule", args=[schedule_id]))


@button
def end_override(request: ActorRequest, override_id: int) -> HttpResponse:
    """The schedule is as it would have been again."""
    overrides.end_override(actor=request.actor, override_id=override_id, now=utcnow())
    messages.success(request, "The override is over.")
    return go_back(request, reverse("console-oncall"))


@button
def ask_swap(request: ActorRequest, schedule_id: int) -> HttpResponse:
    """Ask for somebody to take a shift of one's own."""
    actor = request.actor
    schedule = boards.schedule_for(actor, schedule_id)
    filled = _read(SwapForm(request.POST, others=swaps.others_of(schedule, request.user.pk)))
    swap = swaps.ask_swap(
        actor=actor,
        schedule_id=schedule_id,
        starts_at=filled["starts_at"],
        ends_at=filled["ends_at"],
        candidate_id=filled["candidate"].pk if filled["candidate"] else None,
        note=filled["note"],
        now=utcnow(),
    )
    whom = filled["candidate"].display_name if filled["candidate"] else "Everybody of the schedule"
    messages.success(request, f"{whom} was asked. Until somebody accepts, the shift is yours.")
    return redirect("console-oncall-swap", swap.pk)


@button
def answer_swap(request: ActorRequest, swap_id: int, answer: str) -> HttpResponse:
    """Accept, decline or cancel."""
    if answer not in ANSWERS:
        raise NotFound(f"There is no answer {answer!r}")
    verb, said = ANSWERS[answer]
    verb(actor=request.actor, swap_id=swap_id, now=utcnow())
    messages.success(request, said)
    return redirect("console-oncall-swap", swap_id)


@button
def add_time_off(request: ActorRequest) -> HttpResponse:
    """Be away; the shifts that this falls on are told."""
    filled = _read(TimeOffForm(request.POST))
    _, clashes = time_off.add_time_off(
        actor=request.actor,
        starts_at=filled["starts_at"],
        ends_at=filled["ends_at"],
        reason=filled["reason"],
        now=utcnow(),
    )
    messages.success(request, "Noted.")
    if clashes:
        first = f"the first at {_text(clashes[0].start)}"
        messages.warning(
            request,
            f"You are on call in that time ({len(clashes)}×, {first}). The shifts stay yours until somebody takes them.",
        )
    return redirect(MINE)


@button
def remove_time_off(request: ActorRequest, time_off_id: int) -> HttpResponse:
    """Not away after all."""
    time_off.remove_time_off(actor=request.actor, time_off_id=time_off_id)
    messages.success(request, "Taken back.")
    return redirect(MINE)


@button
def renew_feed(request: ActorRequest, schedule_id: int | None = None) -> HttpResponse:
    """A new secret address."""
    calendars.renew_feed(actor=request.actor, schedule_id=schedule_id)
    messages.success(request, "The calendar has a new address; the old one is dead.")
    return _home(schedule_id)


@button
def import_calendar(request: ActorRequest, schedule_id: int | None = None) -> HttpResponse:
    """Import from an address from now on, from a file once, or nothing any more (``stop``)."""
    actor, now = request.actor, utcnow()
    boards.require_membership(actor)
    if request.FILES and (_uploads.add(str(request.user.pk), now) or 0) > 1:
        raise RateLimited(f"One file a minute; try again in {_uploads.window(now).left(now)} s")
    filled = _read(ImportForm(request.POST, request.FILES))
    if filled["file"]:
        took = calendars.import_text(actor=actor, schedule_id=schedule_id, text=filled["file"], now=now)
        unknown = f" {took.unknown} named nobody of the workspace." if took.unknown else ""
        messages.success(request, f"{took.taken} event{'' if took.taken == 1 else 's'} taken.{unknown}")
        if took.complaint:
            messages.warning(request, f"{took.complaint}.")
    elif filled["import_url"] or filled["stop"]:
        url = "" if filled["stop"] else filled["import_url"]
        calendars.set_import(actor=actor, schedule_id=schedule_id, url=url)
        messages.success(request, "It will be fetched within 15 minutes." if url else "Nothing is imported any more.")
    else:
        raise InvalidInput("Give an address or choose a file", field="import_url")
    return _home(schedule_id)


@button
def delete_schedule(request: ActorRequest, schedule_id: int) -> HttpResponse:
    """Do away with a schedule."""
    schedules.delete_schedule(actor=request.actor, schedule_id=schedule_id)
    messages.success(request, "The schedule is gone.")
    return redirect("console-oncall")


def _read(form: forms.Form) -> dict[str, Any]:
    if not form.is_valid():
        raise InvalidInput(first_complaint(form).rstrip("."), field=next(iter(form.errors)))
    return form.cleaned_data


def _home(schedule_id: int | None) -> HttpResponse:
    return redirect("console-oncall-schedule", schedule_id) if schedule_id else redirect(MINE)


def _text(at: Any) -> str:
    return f"{timezone.localtime(at):%a %-d %b %H:%M}"
