"""Views of the pages of provider accounts. A stored secret is never shown again."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from aiops.access.actors import Role
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted
from aiops.web.acting import button, refuse
from aiops.web.console_view import console_view
from aiops.web.requests import ActorRequest
from notifications.channels import CHANNELS
from notifications.choices import ChannelKind
from notifications.delivery.console.destinations import boards
from notifications.delivery.console.destinations.forms import AccountForm
from notifications.delivery.models import Provider
from notifications.delivery.services import providers

HOME = "console-accounts"


@require_safe
@console_view
def overview(request: ActorRequest) -> HttpResponse:
    """Every account of the workspace."""
    context = boards.frame(request, "accounts")
    context["accounts"] = boards.accounts_of(context["workspace"], admin=context["admin"])
    return render(request, "notifications/destinations/accounts.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@console_view
def new(request: ActorRequest, kind: str = "") -> HttpResponse:
    """Choose a kind, then set the account up."""
    context = boards.frame(request, "accounts")
    if not context["admin"]:
        raise NotPermitted("Accounts are set up by admins of the workspace")
    if not kind:
        kinds = [channel for channel in CHANNELS.values() if channel.settings]
        return render(request, "notifications/destinations/kinds.html", {**context, "kinds": kinds, "accounts": True})
    if kind not in ChannelKind.values or not CHANNELS[ChannelKind(kind)].settings:
        raise NotFound("There is no such kind of account")
    return _edit(request, context, ChannelKind(kind), None)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@console_view
def edit(request: ActorRequest, provider_id: int) -> HttpResponse:
    """Change an account."""
    actor = request.actor
    row = boards.account_for(actor, provider_id)
    if not actor.may(Role.ADMIN, row.workspace_id):
        raise NotPermitted("Accounts are changed by admins of the workspace")
    context = {**boards.frame(request, "accounts"), "workspace": row.workspace}
    return _edit(request, context, ChannelKind(row.kind), row)


@button(HOME, for_good=True)
def remove(request: ActorRequest, provider_id: int) -> HttpResponse:
    """Do away with an account."""
    providers.delete_provider(actor=request.actor, provider_id=provider_id)
    messages.success(request, "The account is gone.")
    return redirect(HOME)


def _edit(request: ActorRequest, context: dict, kind: ChannelKind, row: Provider | None) -> HttpResponse:
    initial = {"name": row.name, "is_default": row.is_default} if row else {"name": kind.label}
    form = AccountForm(request.POST or None, kind=kind, existing=row, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            providers.save_provider(
                actor=request.actor,
                workspace=context["workspace"],
                kind=kind,
                name=form.cleaned_data["name"],
                settings=form.settings(),
                provider_id=row.pk if row else None,
                is_default=form.cleaned_data["is_default"],
            )
        except InvalidInput as error:
            refuse(form, error)
        else:
            messages.success(request, "The account is saved. Send a test to a destination that goes through it.")
            return redirect(boards.home(HOME, context))
    context = {**context, "form": form, "channel": CHANNELS[kind], "account": row}
    status = 422 if request.method == "POST" else 200
    return render(request, "notifications/destinations/account.html", context, status=status)
