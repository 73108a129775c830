"""Template context of the route pages."""

from __future__ import annotations

from dataclasses import dataclass

from aiops.access.actors import Actor
from aiops.access.models import Workspace
from aiops.kernel.errors import NotFound
from notifications.choices import ChannelKind
from notifications.escalation.models import Route
from notifications.escalation.services.routes import rule_of
from notifications.oncall.windows import hours

MOST = 200  # rows of a page


@dataclass(frozen=True, slots=True)
class RouteRow:
    """A route for reading."""

    route: Route
    terms: list[str]
    to: list[str]


def ways_of(workspace: Workspace) -> list[RouteRow]:
    """The routes in their order."""
    rows = Route.objects.filter(workspace=workspace).select_related("service", "team").prefetch_related("destinations")
    return [way_of(row) for row in rows[:MOST]]


def way_of(route: Route) -> RouteRow:
    """A route in words."""
    terms = [", ".join(route.severities)] if route.severities else []
    if route.service is not None:
        terms.append(f"of {route.service.name}")
    if route.team is not None:
        terms.append(f"of team {route.team.name}")
    terms += [f"{name}={pattern}" for name, pattern in route.labels.items()]
    if (window := rule_of(route).window) is not None:
        terms.append(f"{hours(window)} {window.time_zone}")
    kinds = [f"every {ChannelKind(kind).label}" for kind in route.channels if kind in ChannelKind.values]
    return RouteRow(route, terms, [*(row.label for row in route.destinations.all()), *kinds])


def route_for(actor: Actor, route_id: int) -> Route:
    """A route; ``NotFound`` when there is none or the actor may not see it."""
    rows = Route.objects.visible_to(actor).select_related("workspace")
    if (row := rows.filter(pk=route_id).first()) is None:
        raise NotFound("There is no such route")
    return row
