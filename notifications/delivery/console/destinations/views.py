"""Views of the pages of shared destinations: list, create, change, test, mend, remove."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from aiops.access.actors import Role
from aiops.access.models import Workspace
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted
from aiops.web.acting import button, refuse
from aiops.web.console_view import console_view, go_back, is_fragment
from aiops.web.requests import ActorRequest
from notifications.channels import CHANNELS
from notifications.choices import NOTIFIED, ChannelKind
from notifications.delivery.console.destinations import boards
from notifications.delivery.console.destinations.forms import DestinationForm
from notifications.delivery.models import Delivery
from notifications.delivery.services import destinations

HOME = "console-destinations"


@require_safe
@console_view
def overview(request: ActorRequest) -> HttpResponse:
    """Every shared destination, with its health."""
    context = boards.frame(request, "destinations")
    context["outlets"] = boards.outlets_of(context["workspace"], utcnow())
    name = "_outlets.html" if is_fragment(request) else "overview.html"
    return render(request, f"notifications/destinations/{name}", context)


@require_http_methods(["GET", "HEAD", "POST"])
@console_view
def new(request: ActorRequest, kind: str = "") -> HttpResponse:
    """Choose a kind, then say where. A signing secret is shown once, on the page that answers."""
    context = boards.frame(request, "destinations")
    if not context["admin"]:
        raise NotPermitted("Shared destinations are made by admins of the workspace")
    if not kind:
        kinds = [channel for channel in CHANNELS.values() if channel.shared]
        return render(request, "notifications/destinations/kinds.html", {**context, "kinds": kinds})
    channel = CHANNELS.get(ChannelKind(kind)) if kind in ChannelKind.values else None
    if channel is None or not channel.shared:
        raise NotFound("There is no such kind of destination")
    form = DestinationForm(request.POST or None, kind=channel.kind, workspace=context["workspace"])
    if request.method == "POST" and form.is_valid():
        try:
            made = destinations.create_destination(
                actor=request.actor,
                kind=channel.kind,
                address=form.cleaned_data["address"],
                label=form.cleaned_data["label"],
                workspace=context["workspace"],
                provider=form.cleaned_data.get("provider"),
                now=utcnow(),
            )
        except InvalidInput as error:
            refuse(form, error)
        else:
            if made.secret:
                return render(request, "notifications/destinations/made.html", {**context, "destination": made})
            messages.success(request, f"{made.label} is there. Send a test.")
            return redirect(boards.home(HOME, context))
    context |= {"form": form, "channel": channel, "lacks_account": _lacks_account(context["workspace"], channel.kind)}
    return render(request, "notifications/destinations/edit.html", context, status=_status(request))


@require_http_methods(["GET", "HEAD", "POST"])
@console_view
def edit(request: ActorRequest, destination_id: int) -> HttpResponse:
    """Change what a destination is called, or its address."""
    actor = request.actor
    row = boards.destination_for(actor, destination_id)
    if row.workspace is None or not actor.may(Role.ADMIN, row.workspace.pk):
        raise NotPermitted("Shared destinations are changed by admins of the workspace")
    kind = ChannelKind(row.kind)
    context = {**boards.frame(request, "destinations"), "workspace": row.workspace}
    form = DestinationForm(
        request.POST or None, kind=kind, workspace=row.workspace, existing=row, initial={"label": row.label}
    )
    if request.method == "POST" and form.is_valid():
        try:
            destinations.update_destination(
                actor=actor,
                destination_id=row.pk,
                label=form.cleaned_data["label"],
                address=form.cleaned_data["address"] or None,
                now=utcnow(),
            )
        except InvalidInput as error:
            refuse(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect(boards.home(HOME, context))
    context |= {"form": form, "channel": CHANNELS[kind], "destination": row}
    return render(request, "notifications/destinations/edit.html", context, status=_status(request))


@button(HOME)
def test(request: ActorRequest, destination_id: int) -> HttpResponse:
    """Send a test by the way of every message, and say what came of it."""
    row = boards.destination_for(request.actor, destination_id)
    sent = destinations.send_test(actor=request.actor, destination_id=row.pk, now=utcnow())
    report_test(request, row.label, sent)
    return go_back(request, reverse(HOME))


@button(HOME)
def mend(request: ActorRequest, destination_id: int) -> HttpResponse:
    """Say that it works again."""
    row = boards.destination_for(request.actor, destination_id)
    destinations.mend(actor=request.actor, destination_id=row.pk)
    messages.success(request, f"{row.label} is used again. What waited for it is sent now.")
    return go_back(request, reverse(HOME))


@button(HOME)
def switch(request: ActorRequest, destination_id: int) -> HttpResponse:
    """Switch it on or off."""
    enabled = request.POST.get("enabled") == "on"
    row = boards.destination_for(request.actor, destination_id)
    destinations.set_enabled(actor=request.actor, destination_id=row.pk, enabled=enabled)
    messages.success(request, f"{row.label} is switched {'on' if enabled else 'off'}.")
    return go_back(request, reverse(HOME))


@button(HOME, for_good=True)
def remove(request: ActorRequest, destination_id: int) -> HttpResponse:
    """Do away with it."""
    row = boards.destination_for(request.actor, destination_id)
    destinations.delete_destination(actor=request.actor, destination_id=row.pk)
    messages.success(request, f"{row.label} is gone. What was sent there stays in the log.")
    return redirect(HOME)


def report_test(request: ActorRequest, label: str, sent: Delivery) -> None:
    """Say what became of a test."""
    state = sent.get_state_display().lower()
    if sent.state in NOTIFIED:
        messages.success(request, f"Test to {label}: {state}.")
    else:
        messages.error(request, f"Test to {label}: {state}. {sent.reason}".strip())


def _lacks_account(workspace: Workspace, kind: ChannelKind) -> bool:
    """Whether nothing can be sent yet, since the kind needs an account and there is none."""
    return CHANNELS[kind].needs_provider and not boards.has_account(workspace, kind)


def _status(request: ActorRequest) -> int:
    return 422 if request.method == "POST" else 200
