"""Views of v1's notification policies: ``/api/v1/notificationpolicies``, each one route."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from aiops.access.models import Team, Workspace
from aiops.api import v1
from aiops.api.schema import operation, part
from aiops.api.v1 import Page, V1View
from aiops.kernel.errors import Conflict, InvalidInput, NotFound
from incidents.catalogue.models import Service
from incidents.response.api.v1.examples import listed
from incidents.response.api.v1.views import PAGE_PARAMETERS
from notifications.choices import TargetKind
from notifications.escalation.api.v1 import examples
from notifications.escalation.api.v1.naming import Finder, taken_is_a_conflict
from notifications.escalation.api.v1.serializers import DeletedOut, RouteIn, RouteListOut, RouteOut, flattened
from notifications.escalation.models import Route
from notifications.escalation.selectors.chosen_workspace import workspace_of
from notifications.escalation.services import routes

NAMESPACE = "default"


class RouteView(V1View):
    """Base of the views about routes."""

    def rows(self) -> Any:
        """The routes that the caller may see, in their order."""
        seen = Route.objects.visible_to(self.actor).select_related("service", "team").prefetch_related("destinations")
        return seen.order_by("workspace", "position", "pk")

    def find(self, name: str) -> Route:
        """By name, in the caller's workspace first; raises ``NotFound``."""
        found = self.rows().filter(name=name)
        route = found.filter(workspace=workspace_of(self.actor)).first() or found.first()
        if route is None:
            raise NotFound(
                "Notification policy not found", details=f"No notification policy named '{name[:200]}' found"
            )
        return route

    def asked(self, workspace: Workspace, name: str = "") -> dict[str, Any]:
        """The body, in either form, as what the service takes for the whole of a route."""
        given = flattened(self.fields())
        reader = RouteIn(data={**given, "name": name} if name else given, context={"now": self.now})
        reader.is_valid(raise_exception=True)
        asked = reader.validated_data
        finder = Finder(workspace.pk)
        return {
            "name": asked["name"],
            "enabled": asked.get("enabled", True),
            **({"position": asked["position"]} if "position" in asked else {}),
            "severities": asked.get("severities", []),
            "service": _row(Service, "service", asked.get("service"), workspace),
            "team": _row(Team, "team", asked.get("team"), workspace),
            "labels": asked.get("matchLabels", {}),
            "window": asked.get("window") or {},
            "channels": asked.get("channels", []),
            "destinations": [
                finder.id_of(TargetKind.CHANNEL, label, f"destinations[{n}]")
                for n, label in enumerate(asked.get("destinations", []))
            ],
        }

    def shown(self, route: Route, status: int = HTTPStatus.OK) -> Response:
        metadata = _metadata(route)
        body = v1.resource("NotificationPolicy", metadata=metadata, resourceMeta=metadata, spec=_spec(route))
        return Response(RouteOut(body).data, status)


class Routes(RouteView):
    @operation(
        "List notification policies",
        parameters=PAGE_PARAMETERS,
        answer=RouteListOut,
        answered=listed("NotificationPolicyList", examples.ROUTE_ITEM),
    )
    def get(self, request: Request) -> Response:
        """The notification policies (routes) that the key may see, in their order."""
        page, rows = Page.asked(self.params), self.rows()
        items = [{**_spec(route), **_metadata(route)} for route in page.of(rows)]
        return Response(RouteListOut(v1.listing("NotificationPolicyList", items, rows.count(), page)).data)

    @operation(
        "Create a notification policy",
        operation_id="v1_make_route",
        request=RouteIn,
        sent=examples.ROUTE,
        status=HTTPStatus.CREATED,
        answer=RouteOut,
        answered=examples.ROUTE_OUT,
    )
    def post(self, request: Request) -> Response:
        """Make a route to shared destinations in the workspace of the key. For admins."""
        workspace = workspace_of(self.actor)
        asked = self.asked(workspace)
        with taken_is_a_conflict("Notification policy", Route, workspace, asked["name"]):
            made = routes.create_route(actor=self.actor, workspace=workspace, **asked)
        return self.shown(made, HTTPStatus.CREATED)


class OneRoute(RouteView):
    parameters = (*RouteView.parameters, part("name", "The notification policy's name."))
    samples = (
        NotFound("Notification policy not found", details="No notification policy named 'critical' found"),
        Conflict("Notification policy already exists", details="There is one named 'payments-critical'"),
    )

    @operation("Get a notification policy", answer=RouteOut, answered=examples.ROUTE_OUT)
    def get(self, request: Request, name: str) -> Response:
        """One route: its conditions, and the destinations that it notifies."""
        return self.shown(self.find(name))

    @operation(
        "Replace a notification policy",
        request=RouteIn,
        sent=examples.ROUTE,
        answer=RouteOut,
        answered=examples.ROUTE_OUT,
    )
    def put(self, request: Request, name: str) -> Response:
        """Replace the whole route; a field that is left out is as in a new one. For admins."""
        route = self.find(name)
        asked = self.asked(route.workspace, route.name)
        return self.shown(routes.update_route(actor=self.actor, route_id=route.pk, **asked))

    @operation("Delete a notification policy", answer=DeletedOut, answered=examples.deleted("payments-critical"))
    def delete(self, request: Request, name: str) -> Response:
        """Remove a route. For admins."""
        routes.delete_route(actor=self.actor, route_id=self.find(name).pk)
        return Response(v1.resource("Status", status="deleted", name=name))


def _row(model: Any, field: str, name: str | None, workspace: Workspace) -> Any:
    if name is None:
        return None
    row = model.objects.filter(workspace=workspace, name__iexact=name).first()
    if row is None:
        raise InvalidInput(f"{field}: there is no {field} {name[:100]!r}", field=field)
    return row


def _metadata(route: Route) -> dict[str, Any]:
    return {"name": route.name, "namespace": NAMESPACE, "uid": f"rte-{route.pk:08x}"}


def _spec(route: Route) -> dict[str, Any]:
    return {
        "enabled": route.enabled,
        "position": route.position,
        "severities": route.severities,
        "service": route.service.name if route.service else None,
        "team": route.team.name if route.team else None,
        "matchLabels": route.labels,
        "window": route.window or None,
        "channels": route.channels,
        "destinations": [destination.label for destination in route.destinations.all()],
    }
