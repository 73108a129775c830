"""Views of the incident pages. Each reads the request, asks one selector or service, and renders."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from aiops.access.actors import Role
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import Conflict, DomainError, InvalidInput, NotPermitted
from aiops.web import kept_input
from aiops.web.console_view import by_button, console_view, go_back, is_fragment, sentence
from aiops.web.requests import ActorRequest
from incidents.catalogue.models import Service
from incidents.core import selectors
from incidents.core.models import Incident
from incidents.journal.selectors import readable_letters
from incidents.response.console import paging
from incidents.response.console.actions import ACTIONS, IN_BULK, Act, perform
from incidents.response.console.detail import alert_context, alert_of, detail_context, payload_of
from incidents.response.console.forms import NewIncidentForm
from incidents.response.console.listing import Board, ListQuery, frame_context
from incidents.response.services import incidents as services

MAX_BULK = 200


def _find(request: ActorRequest, reference: str) -> Incident:
    """The incident of the address, in the workspace that it names if it names one."""
    actor = request.actor
    return selectors.incident_for(actor, reference, request.GET.get("workspace_id", ""))


@require_safe
@console_view
def incident_list(request: ActorRequest) -> HttpResponse:
    """The list; a fragment request gets what changes on it."""
    query, now = ListQuery(request.GET), utcnow()
    actor, user = request.actor, request.user
    context = {**Board(actor, user, query, now).context(), **frame_context(actor, user, query, now)}
    return render(request, "incidents/_list.html" if is_fragment(request) else "incidents/list.html", context)


@require_safe
@console_view
def still(request: ActorRequest) -> HttpResponse:
    """The rows with these ``id``s as they are now, and whether each is still in the view that the rest of the URL names."""
    params = request.GET.copy()
    references = params.pop("id", [])
    board = Board(request.actor, request.user, ListQuery(params), utcnow())
    return render(request, "incidents/_still.html", {"rows": board.still(references)})


@require_safe
@console_view
def incident_page(request: ActorRequest, reference: str) -> HttpResponse:
    """One incident, by id or name."""
    actor, now = request.actor, utcnow()
    context = detail_context(actor, request.user, _find(request, reference), now)
    return render(request, "incidents/_detail.html" if is_fragment(request) else "incidents/detail.html", context)


def _page_of(reference: str, action: str) -> str:
    if action not in ACTIONS:
        raise Http404
    return reverse("console-incident", args=[reference])


@by_button(_page_of)
@console_view
def act(request: ActorRequest, reference: str, action: str) -> HttpResponse:
    """Do something to an incident, say what came of it, and go back to where the person was."""
    actor, now = request.actor, utcnow()
    incident = _find(request, reference)
    try:
        done = perform(action, Act(actor, request.user, incident, now, request.POST))
    except (NotPermitted, InvalidInput, Conflict) as error:
        said = " ".join(filter(None, [f"{incident.name}: {sentence(error)}", error.details]))
        (messages.warning if isinstance(error, Conflict) else messages.error)(request, said)
        if not is_fragment(request):  # there the form still holds it
            kept_input.put(request.session, kept_input.typed(request.POST))
    else:
        if done:
            messages.success(request, f"{incident.name} is {done}.")
    return go_back(request, reverse("console-incident", args=[incident.public_id]))


@by_button(lambda: reverse("console-incidents"))
@console_view
def bulk(request: ActorRequest) -> HttpResponse:
    """Do one thing to several incidents; what came of each is told."""
    actor, now = request.actor, utcnow()
    action, references = request.POST.get("action", ""), request.POST.getlist("incident")
    if "preset" in request.POST and not action:
        action = "snooze"
    if action not in IN_BULK:
        raise InvalidInput(f"action must be one of: {', '.join(IN_BULK)}", field="action")
    if not 0 < len(references) <= MAX_BULK:
        raise InvalidInput(f"Select 1 to {MAX_BULK} incidents", field="incident")
    done = []
    for reference in references:
        incident = None
        try:
            incident = _find(request, reference)
            perform(action, Act(actor, request.user, incident, now, request.POST))
            done.append(incident.name)
        except DomainError as error:
            name = incident.name if incident is not None else reference
            messages.warning(request, f"{name}: {sentence(error)}")
    if done:
        verb = {"acknowledge": "acknowledged", "resolve": "resolved", "snooze": "snoozed"}[action]
        messages.success(request, f"{', '.join(done)} {verb}.")
    return go_back(request, reverse("console-incidents"))


@require_http_methods(["GET", "HEAD", "POST"])
@console_view
def new_incident(request: ActorRequest) -> HttpResponse:
    """Open an incident by hand."""
    actor = request.actor
    mine = Service.objects.visible_to(actor).select_related("workspace")
    mine = mine.order_by("workspace_id", "-is_default", "name")
    if actor.workspace_ids is not None:
        mine = mine.filter(workspace_id__in=[pk for pk, role in actor.roles if role >= Role.OPERATOR])
    if actor.highest_role < Role.OPERATOR:
        raise NotPermitted("Opening incidents takes the role operator or admin in a workspace.")
    form = NewIncidentForm(request.POST or None, services=mine, initial=kept_input.take(request.session))
    if request.method == "POST" and form.is_valid():
        filled = form.cleaned_data
        incident = services.open_incident(
            actor=actor,
            workspace_id=filled["service"].workspace_id,
            now=utcnow(),
            title=filled["title"],
            description=filled["description"],
            severity=filled["severity"],
            service_id=filled["service"].pk,
        )
        return redirect("console-incident", incident.public_id)
    status = 422 if request.method == "POST" else 200
    return render(request, "incidents/new.html", {"form": form, "section": "incidents"}, status=status)


@require_safe
@console_view
def alert_page(request: ActorRequest, reference: str, alert_id: UUID) -> HttpResponse:
    """One alert: its raw payload, and why it did what it did."""
    incident = _find(request, reference)
    context = alert_context(incident, alert_of(incident, alert_id))
    return render(request, "incidents/_alert.html" if is_fragment(request) else "incidents/alert.html", context)


@require_safe
@console_view
def dead_letters(request: ActorRequest) -> HttpResponse:
    """The latest bodies that could not be understood, with the reason. Operators only: a body may hold anything."""
    letters = readable_letters(request.actor).select_related("source", "workspace")
    shown = [(letter, payload_of(letter.raw)) for letter in letters.order_by("-received_at", "-pk")[: paging.PAGE]]
    return render(request, "incidents/dead_letters.html", {"letters": shown, "section": "dead-letters"})
