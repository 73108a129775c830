"""Template context of the destination pages: health, accounts, templates, and the workspace that is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.text import capfirst

from aiops.access.actors import Actor, Role
from aiops.access.models import Workspace
from aiops.kernel import site
from aiops.kernel.errors import NotFound
from aiops.web.requests import ActorRequest
from notifications.channels import CHANNELS
from notifications.channels.contracts import Channel
from notifications.choices import ChannelKind
from notifications.delivery.console.destinations.forms import asked_of
from notifications.delivery.models import Destination, Provider

MOST = 200  # rows of a page
# Kinds whose providers answer us (notifications/replies/hooks/urls.py).
ANSWERED = (ChannelKind.SLACK, ChannelKind.EMAIL, ChannelKind.PAGERDUTY, ChannelKind.SMS, ChannelKind.VOICE)


@dataclass(frozen=True, slots=True)
class Health:
    """How a destination is. *bad*: nothing gets through; *mends*: there is something to mend."""

    text: str
    bad: bool = False
    mends: bool = False
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outlet:
    """A destination of the list."""

    destination: Destination
    channel: Channel
    health: Health


@dataclass(frozen=True, slots=True)
class Account:
    """A provider account: what may be read of its settings. *hook* is where it answers us, for admins only."""

    provider: Provider
    said: list[tuple[str, str]]
    hook: str
    destinations: int


def workspace_of(request: ActorRequest) -> tuple[Workspace, list[Workspace]]:
    """The workspace that a page is about (``workspace=`` in the URL or form, else the first), and all to choose from."""
    actor: Actor = request.actor
    rows = Workspace.objects.order_by("pk")
    choices = list(rows if actor.workspace_ids is None else rows.filter(pk__in=actor.workspace_ids))
    if not choices:
        raise NotFound("You are in no workspace yet")
    wanted = request.POST.get("workspace") or request.GET.get("workspace")
    if wanted and not any(str(row.pk) == wanted for row in choices):
        raise NotFound("There is no such workspace")
    return next((row for row in choices if str(row.pk) == wanted), choices[0]), choices


def frame(request: ActorRequest, here: str) -> dict[str, Any]:
    """What stands on each of these pages."""
    workspace, choices = workspace_of(request)
    actor: Actor = request.actor
    return {
        "workspace": workspace,
        "workspaces": choices,
        "query": f"?workspace={workspace.pk}" if len(choices) > 1 else "",
        "admin": actor.may(Role.ADMIN, workspace.pk),
        "operator": actor.may(Role.OPERATOR, workspace.pk),
        "here": here,
        "section": "destinations",
    }


def home(name: str, context: dict[str, Any]) -> str:
    """The page called *name*, in the workspace in which one was."""
    several = len(context["workspaces"]) > 1
    return reverse(name) + (f"?workspace={context['workspace'].pk}" if several else "")


def outlets_of(workspace: Workspace, now: datetime) -> list[Outlet]:
    """The shared destinations, those in trouble first."""
    rows = Destination.objects.filter(workspace=workspace).listed().select_related("provider")
    return [outlet_of(row, now) for row in sorted(rows[:MOST], key=lambda row: (row.broken_at is None, row.label))]


def outlet_of(row: Destination, now: datetime) -> Outlet:
    """One destination with its health."""
    return Outlet(row, CHANNELS[ChannelKind(row.kind)], health_of(row, now))


def health_of(row: Destination, now: datetime) -> Health:
    """Why nothing gets through, or that it does as far as is known."""
    if row.problem:
        return Health(capfirst(row.problem), bad=row.enabled, mends=row.broken_at is not None)
    if row.open_until is not None and row.open_until > now:
        return Health(f"{row.failures} failures in a row. Tried again", bad=True, mends=True, until=row.open_until)
    if row.failures:
        return Health(f"{row.failures} failure{'s' if row.failures > 1 else ''} in a row", mends=True)
    return Health("In order")


def destination_for(actor: Actor, destination_id: int) -> Destination:
    """A shared destination; ``NotFound`` when there is none or the actor may not see it."""
    rows = Destination.objects.visible_to(actor).filter(workspace__isnull=False).select_related("workspace", "provider")
    if (row := rows.filter(pk=destination_id).first()) is None:
        raise NotFound("There is no such destination")
    return row


def accounts_of(workspace: Workspace, *, admin: bool) -> list[Account]:
    """The provider accounts. Secrets are not read; what else is set is for admins only."""
    found = []
    for row in Provider.objects.filter(workspace=workspace).order_by("kind", "name")[:MOST]:
        kind = ChannelKind(row.kind)
        own = row.settings if admin else {}
        said = [
            (one.label, "set" if one.secret else str(own[one.name]))
            for one in asked_of(kind)
            if own.get(one.name) and str(own[one.name]) != one.default
        ]
        hook = site.url(f"/hooks/{kind}/{row.hook_key}") if admin and kind in ANSWERED else ""
        found.append(Account(row, said, hook, row.destinations.count()))
    return found


def account_for(actor: Actor, provider_id: int) -> Provider:
    """An account; ``NotFound`` when there is none or the actor may not see it."""
    rows = Provider.objects.visible_to(actor).select_related("workspace")
    if (row := rows.filter(pk=provider_id).first()) is None:
        raise NotFound("There is no such account")
    return row


def has_account(workspace: Workspace, kind: ChannelKind) -> bool:
    """Whether messages of *kind* can be sent from the workspace. The operator may have named a mail server for all."""
    if kind == ChannelKind.EMAIL and settings.AIOPS_SMTP_URL:
        return True
    return Provider.objects.filter(workspace=workspace, kind=kind).exists()
