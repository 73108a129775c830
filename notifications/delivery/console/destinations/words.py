"""Views of the pages of message templates, each tried with a real incident before it is saved."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError, InvalidInput, NotFound, NotPermitted
from aiops.web.acting import button, refuse, sentence
from aiops.web.console_view import console_view
from aiops.web.requests import ActorRequest
from incidents.core import selectors
from incidents.core.models import Incident
from notifications.channels.templating import BUILT_IN
from notifications.choices import ChannelKind, Purpose
from notifications.delivery.console.destinations import boards
from notifications.delivery.console.destinations.forms import WordsForm
from notifications.delivery.models import MessageTemplate
from notifications.delivery.services import templates
from notifications.delivery.services.templates import WORDED

HOME = "console-words"
# What a template may use, as the page lists it.
VALUES = (
    "incident.name", "incident.title", "incident.severity", "incident.priority", "incident.status", "incident.service",
    "incident.where", "incident.description", "incident.created_at | at", "incident.occurrences", "incident.source",
    "incident.runbook_url", "incident.labels", "incident.url", "incident.acknowledged_by", "incident.resolved_by",
    "incident.resolution", "age", "level", "next_step", "event",
)  # fmt: skip


@require_safe
@console_view
def overview(request: ActorRequest) -> HttpResponse:
    """Which messages say something else than ours do."""
    context = boards.frame(request, "words")
    context["templates"] = list(MessageTemplate.objects.filter(workspace=context["workspace"])[: boards.MOST])
    return render(request, "notifications/destinations/words.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@console_view
def edit(request: ActorRequest, template_id: int | None = None) -> HttpResponse:
    """Write the words, try them, keep them. ``do=preview`` shows them with an incident and saves nothing."""
    context = boards.frame(request, "words")
    if not context["admin"]:
        raise NotPermitted("What messages say is changed by admins of the workspace")
    template = _template(request, template_id)
    form = WordsForm(request.POST or None, initial=_initial(request, template))
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            if request.POST.get("do") == "preview":
                status, shown = _preview(request, context["workspace"].pk, form)
                context |= shown
            elif saved := _saved(request, context["workspace"], form):
                messages.success(request, f"{saved} will say so from now on.")
                return redirect(boards.home(HOME, context))
    reference = request.POST.get("incident") or getattr(_latest(request, context["workspace"].pk), "name", "")
    context |= {"form": form, "template": template, "values": VALUES, "reference": reference}
    return render(request, "notifications/destinations/template.html", context, status=status)


@button(HOME, for_good=True)
def remove(request: ActorRequest, template_id: int) -> HttpResponse:
    """Have those messages say our own words again."""
    templates.delete_template(actor=request.actor, template_id=template_id)
    messages.success(request, "Those messages say our own words again.")
    return redirect(HOME)


def _template(request: ActorRequest, template_id: int | None) -> MessageTemplate | None:
    if template_id is None:
        return None
    found = MessageTemplate.objects.visible_to(request.actor).filter(pk=template_id).first()
    if found is None:
        raise NotFound("There is no such template")
    return found


def _initial(request: ActorRequest, template: MessageTemplate | None) -> dict[str, Any]:
    """The words as they are; a new one begins with ours."""
    if template is not None:
        return {"kind": template.kind, "purpose": template.purpose, "subject": template.subject, "body": template.body}
    wanted = request.GET.get("purpose", "")
    purpose = Purpose(wanted) if wanted in WORDED else Purpose.PAGE
    ours = BUILT_IN[purpose]
    return {"kind": ChannelKind.EMAIL, "purpose": purpose, "subject": ours.subject, "body": ours.body}


def _saved(request: ActorRequest, workspace: Any, form: WordsForm) -> MessageTemplate | None:
    filled = form.cleaned_data
    try:
        return templates.save_template(
            actor=request.actor,
            workspace=workspace,
            kind=ChannelKind(filled["kind"]),
            purpose=Purpose(filled["purpose"]),
            subject=filled["subject"],
            body=filled["body"],
        )
    except InvalidInput as error:
        refuse(form, error)
        return None


def _preview(request: ActorRequest, workspace_id: int, form: WordsForm) -> tuple[int, dict[str, Any]]:
    """What the words come out as, or why they don't."""
    filled, reference = form.cleaned_data, request.POST.get("incident", "").strip()
    actor = request.actor
    try:
        incident = selectors.incident_for(actor, reference) if reference else _latest(request, workspace_id)
        if incident is None:
            return 422, {"problem": "There is no incident yet to try it with."}
        message = templates.preview(
            incident=incident,
            kind=ChannelKind(filled["kind"]),
            purpose=Purpose(filled["purpose"]),
            subject=filled["subject"],
            body=filled["body"],
            now=utcnow(),
        )
    except DomainError as error:
        return 422, {"problem": sentence(error)}
    return 200, {"message": message, "incident": incident}


def _latest(request: ActorRequest, workspace_id: int) -> Incident | None:
    rows = selectors.listing(request.actor)
    return rows.filter(workspace_id=workspace_id).first()
