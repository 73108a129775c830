"""Views of the escalation pages. Each reads the request, asks one selector or service, and renders."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from aiops.access.actors import Role
from aiops.access.models import Workspace
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import InvalidInput, NotPermitted
from aiops.web.acting import button, sentence
from aiops.web.console_view import console_view, is_fragment
from aiops.web.requests import ActorRequest
from notifications.escalation.console import boards
from notifications.escalation.console.editing import Sheet, choices_of, sheet_of, typed_sheet
from notifications.escalation.models import EscalationPolicy, ServicePolicy
from notifications.escalation.services import policies

SECTION = {"section": "escalation"}


@require_safe
@console_view
def overview(request: ActorRequest) -> HttpResponse:
    """Every policy, what uses it, and the services that reach nobody."""
    context = boards.policies_of(request.actor)
    return render(request, "notifications/escalation/overview.html", context | SECTION)


@require_safe
@console_view
def policy_page(request: ActorRequest, policy_id: int, number: int | None = None) -> HttpResponse:
    """One policy, or an older version of it."""
    actor = request.actor
    context = boards.policy_page(actor, boards.policy_for(actor, policy_id), number)
    return render(request, "notifications/escalation/policy.html", context | SECTION)


@require_safe
@console_view
def services_page(request: ActorRequest) -> HttpResponse:
    """Which service uses which policy."""
    context = boards.services_page(request.actor, request.GET.get("q", "").strip())
    return render(request, "notifications/escalation/services.html", context | SECTION)


@require_http_methods(["GET", "HEAD", "POST"])
@console_view
def new_policy(request: ActorRequest) -> HttpResponse:
    """Make a policy. Admins of a workspace only."""
    choices = boards.administered(request.actor)
    if not choices:
        raise NotPermitted("Escalation policies are made by admins of a workspace")
    wanted = request.POST.get("workspace") or request.GET.get("workspace")
    workspace = next((row for row in choices if str(row.pk) == wanted), choices[0])
    return _edit(request, workspace, None, Sheet(), {"workspaces": choices})


@require_http_methods(["GET", "HEAD", "POST"])
@console_view
def edit_policy(request: ActorRequest, policy_id: int) -> HttpResponse:
    """Change a policy: another definition becomes a new version. Admins of its workspace only."""
    actor = request.actor
    policy = boards.policy_for(actor, policy_id)
    if not actor.may(Role.ADMIN, policy.workspace_id):
        raise NotPermitted("Escalation policies are changed by admins of the workspace")
    return _edit(request, policy.workspace, policy, sheet_of(policy), {})


def _edit(
    request: ActorRequest, workspace: Workspace, policy: EscalationPolicy | None, sheet: Sheet, extra: dict[str, Any]
) -> HttpResponse:
    status = 200
    if request.method == "POST":
        sheet = typed_sheet(request.POST)
        if not sheet.change(request.POST.get("do", "")):
            try:
                saved = _save(request, workspace, policy, sheet)
            except InvalidInput as error:
                sheet.blame(error, sentence(error))
                status = 422
            else:
                used = saved.is_default or saved.severities or ServicePolicy.objects.filter(policy=saved).exists()
                what = (
                    "Incidents that open from now on use it."
                    if used
                    else "Nothing uses it yet: choose it for a service."
                )
                messages.success(request, f"{saved.name} is saved. {what}")
                return redirect("console-escalation-policy", saved.pk)
    context = {"sheet": sheet, "policy": policy, "workspace": workspace, **extra, **choices_of(workspace), **SECTION}
    name = "notifications/escalation/_editor.html" if is_fragment(request) else "notifications/escalation/edit.html"
    return render(request, name, context, status=status)


def _save(
    request: ActorRequest, workspace: Workspace, policy: EscalationPolicy | None, sheet: Sheet
) -> EscalationPolicy:
    common: dict[str, Any] = {
        "actor": request.actor,
        "now": utcnow(),
        "name": sheet.name,
        "description": sheet.description,
        "definition": sheet.definition(),
        "severities": sheet.severities,
        "enabled": sheet.enabled,
        "is_default": sheet.is_default,
    }
    if policy is None:
        return policies.create_policy(workspace=workspace, **common)
    return policies.update_policy(policy_id=policy.pk, **common)


@button("console-escalation")
def delete_policy(request: ActorRequest, policy_id: int) -> HttpResponse:
    """Do away with a policy."""
    policies.delete_policy(actor=request.actor, policy_id=policy_id)
    messages.success(request, "The policy is gone.")
    return redirect("console-escalation")


@button("console-escalation-services")
def set_service(request: ActorRequest, service_id: int) -> HttpResponse:
    """Have a service use a policy of its own, or the workspace's again."""
    chosen = request.POST.get("policy", "")
    if chosen and not (chosen.isdecimal() and len(chosen) < 19):
        raise InvalidInput("policy: expected a policy of the list.", field="policy")
    policies.set_service_policy(
        actor=request.actor,
        service_id=service_id,
        policy_id=int(chosen) if chosen else None,
    )
    messages.success(request, "Saved. It counts for incidents that open from now on.")
    return redirect("console-escalation-services")
