"""Views of ``/notifications/routes``: the routes, and the channels that they notify for each severity and service."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from aiops.access.models import Team, Workspace
from aiops.api.client import ClientView
from aiops.api.schema import operation, part
from aiops.kernel.errors import InvalidInput, NotFound
from incidents.catalogue.models import Service
from incidents.choices import Severity
from notifications.channels import CHANNELS
from notifications.choices import ChannelKind
from notifications.escalation.api.client import examples, vocab
from notifications.escalation.api.client.serializers import DryRunOut, RouteIn, RouteOut, RoutesOut, SampleIn
from notifications.escalation.models import Route
from notifications.escalation.selectors.chosen_workspace import service_or_default, workspace_of
from notifications.escalation.services import routes


class Routes(ClientView):
    @operation("List routes", answer=RoutesOut, answered=examples.ROUTES)
    def get(self, request: Request) -> Response:
        """The routes of the workspace, and which channels they notify for each severity and service."""
        rows = _rows(workspace_of(self.actor))
        rules = [(route, routes.rule_of(route)) for route in rows if route.enabled and not _is_conditional(route)]
        kinds = {route.pk: _kinds(route) for route, _ in rules}

        def channels(severity: Severity, service_id: int | None) -> list[str]:
            heard = [
                kinds[route.pk]
                for route, rule in rules
                if (not rule.severities or severity in rule.severities) and rule.service_id in (None, service_id)
            ]
            return list(dict.fromkeys(kind for each in heard for kind in each))

        default = {word: channels(severity, None) for word, severity in vocab.SEVERITIES.items()}
        services = {route.service_id: route.service.name for route, _ in rules if route.service is not None}
        overrides = {
            name: more
            for pk, name in sorted(services.items(), key=lambda item: item[1])
            if (
                more := {
                    word: found
                    for word, severity in vocab.SEVERITIES.items()
                    if (found := channels(severity, pk)) != default[word]
                }
            )
        }
        adapters = sorted(str(kind) for kind in CHANNELS if kind != ChannelKind.LOG)
        body = {
            "default_rules": default,
            "service_overrides": overrides,
            "registered_adapters": adapters,
            "routes": RouteOut(rows, many=True).data,
        }
        return Response(body)

    @operation(
        "Create a route",
        operation_id="client_make_route",
        request=RouteIn,
        sent=examples.ROUTE_IN,
        status=HTTPStatus.CREATED,
        answer=RouteOut,
        answered=examples.ROUTE,
    )
    def post(self, request: Request) -> Response:
        """Make a route to shared destinations in the workspace. For admins."""
        workspace = workspace_of(self.actor)
        made = routes.create_route(actor=self.actor, workspace=workspace, **_found(self.body(RouteIn), workspace))
        return Response(RouteOut(made).data, HTTPStatus.CREATED)


class OneRoute(ClientView):
    parameters = (*ClientView.parameters, part("route_id", "The route's id, a whole number.", int))
    samples = (
        NotFound("Route not found"),
        InvalidInput("name: there is a route of this name", field="name"),
    )

    @operation("Get a route", answer=RouteOut, answered=examples.ROUTE)
    def get(self, request: Request, route_id: int) -> Response:
        """One route: its conditions, and the destinations that it notifies."""
        return Response(RouteOut(self.find(route_id)).data)

    @operation(
        "Change a route",
        request=RouteIn,
        sent={"severities": ["critical", "high"]},
        answer=RouteOut,
        answered=examples.ROUTE | {"severities": ["critical", "high"]},
    )
    def patch(self, request: Request, route_id: int) -> Response:
        """Change the given fields of a route; the others stay. For admins."""
        route = self.find(route_id)
        rules = _found(self.body(RouteIn, partial=True), route.workspace)
        return Response(RouteOut(routes.update_route(actor=self.actor, route_id=route.pk, **rules)).data)

    @operation("Delete a route", status=HTTPStatus.NO_CONTENT, answer=None)
    def delete(self, request: Request, route_id: int) -> Response:
        """Remove a route. For admins."""
        routes.delete_route(actor=self.actor, route_id=route_id)
        return Response(status=HTTPStatus.NO_CONTENT)

    def find(self, route_id: int) -> Route:
        """The route, which the caller must be able to see."""
        route = Route.objects.visible_to(self.actor).filter(pk=route_id).first()
        if route is None:
            raise NotFound("Route not found")
        return route


class DryRun(ClientView):
    @operation(
        "Try the routes",
        request=SampleIn,
        sent={"severity": "critical", "service": "payments"},
        answer=DryRunOut,
        answered=examples.DRY_RUN,
    )
    def post(self, request: Request) -> Response:
        """Which routes such an incident would take, why not the others, and whom they would notify. Nothing is sent."""
        sample = self.body(SampleIn)
        severity = sample.get("severity", Severity.CRITICAL)
        service, _ = service_or_default(self.actor, sample["service"])
        tried = routes.dry_run(
            actor=self.actor,
            workspace_id=service.workspace_id,
            now=sample.get("at", self.now),
            severity=severity,
            service_id=service.pk,
            labels=sample["labels"],
        )
        told = [it.destination.label for one in tried if not one.why_not for it in one.destinations if not it.problem]
        body = {
            "service": service.name,
            "severity": severity,
            "routes": tried,
            "told": list(dict.fromkeys(told)),
        }
        return Response(DryRunOut(body).data)


def _rows(workspace: Workspace) -> Sequence[Route]:
    return list(
        Route.objects.filter(workspace=workspace).select_related("service", "team").prefetch_related("destinations")
    )


def _is_conditional(route: Route) -> bool:
    """Whether more than service and severity decides."""
    return bool(route.labels or route.window or route.team_id)


def _kinds(route: Route) -> list[str]:
    """The channels that a route leads to, by name or by destination."""
    return list(dict.fromkeys([*route.channels, *(one.kind for one in route.destinations.all())]))


def _found(rules: dict[str, Any], workspace: Workspace) -> dict[str, Any]:
    """*rules* with the rows that names stand for."""
    for field, model in (("service", Service), ("team", Team)):
        if (name := rules.get(field)) is not None:
            row = model.objects.filter(workspace=workspace, name__iexact=name).first()
            if row is None:
                raise InvalidInput(f"{field}: there is no {field} {name[:100]!r}", field=field)
            rules[field] = row
    return rules
