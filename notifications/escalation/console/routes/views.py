"""Views of the route pages, with a trial of a sample incident before a route is saved."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from aiops.access.actors import Role
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import InvalidInput, NotPermitted
from aiops.web.acting import button, refuse
from aiops.web.console_view import console_view
from aiops.web.requests import ActorRequest
from incidents.choices import Severity
from notifications.delivery.console.destinations.boards import frame, home
from notifications.escalation.console.routes.boards import route_for, ways_of
from notifications.escalation.console.routes.forms import RouteForm, SampleForm, route_initial
from notifications.escalation.models import Route
from notifications.escalation.services import routes

HOME = "console-routes"


@require_safe
@console_view
def overview(request: ActorRequest) -> HttpResponse:
    """Every route; with ``severity`` in the URL, what each would make of such an incident."""
    context = frame(request, "routes")
    workspace = context["workspace"]
    sample = SampleForm(request.GET if "severity" in request.GET else None, workspace=workspace)
    tried: dict[int, Any] = {}
    if sample.is_bound and sample.is_valid():
        asked = sample.cleaned_data
        found = routes.dry_run(
            actor=request.actor,
            workspace_id=workspace.pk,
            now=utcnow(),
            severity=Severity[asked["severity"].upper()],
            service_id=asked["service"].pk,
            labels=asked["labels"],
        )
        tried = {one.route.pk: one for one in found}
        context["told"] = list(
            dict.fromkeys(
                t.destination.label for one in found if not one.why_not for t in one.destinations if not t.problem
            )
        )
    ways = ways_of(workspace)
    context |= {"sample": sample, "tried": bool(tried), "ways": [(way, tried.get(way.route.pk)) for way in ways]}
    return render(request, "notifications/destinations/routes.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@console_view
def new(request: ActorRequest) -> HttpResponse:
    """Make a route."""
    context = frame(request, "routes")
    if not context["admin"]:
        raise NotPermitted("Routes are made by admins of the workspace")
    return _edit(request, context, None)


@require_http_methods(["GET", "HEAD", "POST"])
@console_view
def edit(request: ActorRequest, route_id: int) -> HttpResponse:
    """Change a route."""
    actor = request.actor
    route = route_for(actor, route_id)
    if not actor.may(Role.ADMIN, route.workspace_id):
        raise NotPermitted("Routes are changed by admins of the workspace")
    return _edit(request, {**frame(request, "routes"), "workspace": route.workspace}, route)


@button(HOME)
def remove(request: ActorRequest, route_id: int) -> HttpResponse:
    """Do away with a route."""
    routes.delete_route(actor=request.actor, route_id=route_id)
    messages.success(request, "The route is gone.")
    return redirect(HOME)


def _edit(request: ActorRequest, context: dict[str, Any], route: Route | None) -> HttpResponse:
    workspace, actor = context["workspace"], request.actor
    initial = route_initial(route) if route else {"zone": request.user.time_zone}
    form = RouteForm(request.POST or None, workspace=workspace, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            if route is None:
                rules = form.rules()
                routes.create_route(actor=actor, workspace=workspace, name=rules.pop("name"), **rules)
            else:
                routes.update_route(actor=actor, route_id=route.pk, **form.rules())
        except InvalidInput as error:
            refuse(form, error, window="begins")
        else:
            messages.success(request, "The route is saved.")
            return redirect(home(HOME, context))
    status = 422 if request.method == "POST" else 200
    context = {**context, "form": form, "route": route}
    return render(request, "notifications/destinations/route.html", context, status=status)
