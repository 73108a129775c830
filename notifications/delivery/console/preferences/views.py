"""Views of the page *My notifications* and of its buttons."""

from __future__ import annotations

from datetime import time

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from aiops.access.services.people import set_time_zone
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError, InvalidInput, NotFound
from aiops.web.acting import button, sentence
from aiops.web.console_view import by_button, console_view
from aiops.web.requests import ActorRequest
from notifications.channels import CHANNELS
from notifications.choices import NOTIFIED, ChannelKind, Urgency
from notifications.delivery.console.destinations.views import report_test
from notifications.delivery.console.preferences import boards
from notifications.delivery.models import Destination
from notifications.delivery.services import destinations, preferences, providers

HOME = "console-notifications"
MOST_LABEL = 100


@require_safe
@console_view
def page(request: ActorRequest) -> HttpResponse:
    """Everything about how one is told."""
    context = boards.page(request.actor, request.user, utcnow())
    return render(request, "notifications/preferences/page.html", context)


@button(HOME)
def add(request: ActorRequest) -> HttpResponse:
    """A new address; one that has to be proven is sent its code at once."""
    kind = _kind(request.POST.get("kind", ""))
    row = destinations.create_destination(
        actor=request.actor,
        kind=kind,
        address=request.POST.get("address", ""),
        label=request.POST.get("label", "")[:MOST_LABEL],
        owner=request.user,
        now=utcnow(),
    )
    if row.verified_at is None:
        _send_code(request, row)
    else:
        messages.success(request, f"{row.label} is there. Send a test.")
    return redirect(HOME)


@button(HOME)
def send_code(request: ActorRequest, destination_id: int) -> HttpResponse:
    """Send a code to an address of one's own."""
    _send_code(request, _own(request, destination_id))
    return redirect(HOME)


@button(HOME)
def verify(request: ActorRequest, destination_id: int) -> HttpResponse:
    """The code that came."""
    row = _own(request, destination_id)
    destinations.verify(
        actor=request.actor,
        destination_id=row.pk,
        code=request.POST.get("code", "")[:20],
        now=utcnow(),
    )
    messages.success(request, f"{row.label} is proven. Pages may go there.")
    return redirect(HOME)


@button(HOME)
def test(request: ActorRequest, destination_id: int) -> HttpResponse:
    """A test by the way of every message."""
    row = _own(request, destination_id)
    report_test(request, row.label, destinations.send_test(actor=request.actor, destination_id=row.pk, now=utcnow()))
    return redirect(HOME)


@button(HOME)
def mend(request: ActorRequest, destination_id: int) -> HttpResponse:
    """Say that it works again."""
    row = _own(request, destination_id)
    destinations.mend(actor=request.actor, destination_id=row.pk)
    messages.success(request, f"{row.label} is used again.")
    return redirect(HOME)


@button(HOME, for_good=True)
def remove(request: ActorRequest, destination_id: int) -> HttpResponse:
    """Do away with an address of one's own, and the rules that name it."""
    row = _own(request, destination_id)
    destinations.delete_destination(actor=request.actor, destination_id=row.pk)
    messages.success(request, f"{row.label} is gone.")
    return redirect(HOME)


@button(HOME)
def set_rules(request: ActorRequest, urgency: str) -> HttpResponse:
    """The "call me" rules of an urgency; lines without a destination are left out."""
    if urgency not in Urgency.values:
        raise NotFound("There is no such urgency")
    pairs = zip(request.POST.getlist("minutes"), request.POST.getlist("destination"), strict=False)
    rules = [(_number(minutes or "0", "minutes"), _number(pk, "destination")) for minutes, pk in pairs if pk]
    preferences.set_contact_rules(
        actor=request.actor,
        user=request.user,
        urgency=Urgency(urgency),
        rules=rules,
    )
    messages.success(request, "Saved." if rules else "Saved: everything of yours that works is used at once.")
    return redirect(HOME)


@button(HOME)
def set_quiet_hours(request: ActorRequest) -> HttpResponse:
    """When messages of low urgency wait; empty times: never."""
    days = [int(day) for day in request.POST.getlist("day") if day in {"0", "1", "2", "3", "4", "5", "6"}]
    preferences.set_quiet_hours(
        actor=request.actor,
        user=request.user,
        begins=_clock(request.POST.get("begins", "")),
        ends=_clock(request.POST.get("ends", "")),
        days=days,
    )
    messages.success(request, "Saved.")
    return redirect(HOME)


@button(HOME)
def set_zone(request: ActorRequest) -> HttpResponse:
    """The zone of one's clock."""
    zone = request.POST.get("time_zone", "").strip()
    set_time_zone(actor=request.actor, user=request.user, time_zone=zone)
    messages.success(request, f"Times are shown in {zone}.")
    return redirect(HOME)


@button(HOME)
def set_up_push(request: ActorRequest) -> HttpResponse:
    """Make the keys with which browsers subscribe. Admins of the workspace only; the service refuses others."""
    home = boards.home_of(request.user)
    if home is None:
        raise NotFound("There is no workspace yet")
    providers.save_provider(
        actor=request.actor,
        workspace=home,
        kind=ChannelKind.WEBPUSH,
        name="Console",
        settings={},
    )
    messages.success(request, "Web push is set up. Everybody can enable it on their browsers now.")
    return redirect(HOME)


@by_button(lambda: reverse(HOME))
@console_view
def add_browser(request: ActorRequest) -> HttpResponse:
    """This browser subscribed: its address as JSON, what to call it. Answers the destination's id, or why not."""
    try:
        row = destinations.create_destination(
            actor=request.actor,
            kind=ChannelKind.WEBPUSH,
            address=request.POST.get("address", ""),
            label=request.POST.get("label", "").strip()[:MOST_LABEL] or "A browser",
            owner=request.user,
            now=utcnow(),
        )
    except DomainError as error:
        return JsonResponse({"error": sentence(error)}, status=422)
    messages.success(request, f"Pages reach {row.label} now. Send a test.")
    return JsonResponse({"id": row.pk})


def _send_code(request: ActorRequest, row: Destination) -> None:
    sent = destinations.start_verification(actor=request.actor, destination_id=row.pk, now=utcnow())
    if sent.state in NOTIFIED:
        messages.success(request, f"A code was sent to {row.label}. Enter it here within ten minutes.")
    else:
        messages.error(request, f"No code could be sent to {row.label}: {sent.reason or sent.get_state_display()}")


def _own(request: ActorRequest, destination_id: int) -> Destination:
    """A destination of one's own; nobody else's is to be found here."""
    row = Destination.objects.filter(pk=destination_id, owner=request.user).first()
    if row is None:
        raise NotFound("There is no such address of yours")
    return row


def _kind(text: str) -> ChannelKind:
    if text not in ChannelKind.values or not CHANNELS[ChannelKind(text)].personal:
        raise InvalidInput("kind: choose one of the list.", field="kind")
    return ChannelKind(text)


def _number(text: str, field: str) -> int:
    if not (text.isdecimal() and len(text) < 19):
        raise InvalidInput(f"{field}: expected a whole number.", field=field)
    return int(text)


def _clock(text: str) -> time | None:
    try:
        return time.fromisoformat(text).replace(tzinfo=None) if text else None
    except ValueError:
        raise InvalidInput("quiet hours: expected times of day such as 22:00.", field="begins") from None
