"""Verbs on routes (which shared destinations are notified of a new incident), for admins of the workspace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import prefetch_related_objects

from aiops.access.actors import Actor, Role
from aiops.access.models import Workspace
from aiops.audit.verbs import audited, changes, makes, removes
from aiops.kernel import secrets
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted
from aiops.kernel.sql import CompiledQuery, Given
from incidents.catalogue.models import Service
from incidents.choices import Severity, SourceKind
from incidents.core.models import Incident
from notifications.channels import CHANNELS
from notifications.choices import ChannelKind
from notifications.delivery.models import Destination
from notifications.escalation.models import Route
from notifications.escalation.routing import About, Rule, why_not

DEFAULTS: Mapping[Severity, Sequence[ChannelKind]] = {
    Severity.CRITICAL: (ChannelKind.SLACK, ChannelKind.PAGERDUTY, ChannelKind.EMAIL),
    Severity.HIGH: (ChannelKind.SLACK, ChannelKind.EMAIL),
    Severity.MEDIUM: (ChannelKind.SLACK,),
    Severity.LOW: (ChannelKind.SLACK,),
    Severity.INFO: (ChannelKind.LOG,),
}
STORED = ("name", "enabled", "position", "severities", "labels", "window", "channels")  # as the JSON form has them


@dataclass(frozen=True, slots=True)
class RouteDestination:
    """One destination of a dry run; *problem* says why it would not be told, "" when it would."""

    destination: Destination
    problem: str


@dataclass(frozen=True, slots=True)
class Tried:
    """A route in a dry run: *why_not* is empty when it takes the sample, and *destinations* are where it leads then."""

    route: Route
    why_not: str
    destinations: tuple[RouteDestination, ...]


_routes = CompiledQuery(
    lambda: Route.objects.filter(workspace_id__any_of=Given("workspaces")), along=("service", "team")
)
_destinations_of = CompiledQuery(
    lambda: Destination.objects.filter(workspace_id__any_of=Given("workspaces")).listed().order_by("pk")
)


def matching(incidents: Iterable[Incident], now: datetime) -> dict[int, list[Destination]]:
    """Per incident (by key), the usable shared destinations that its routes name, each once, in the routes' order.

    Three queries for any number of *incidents*, which have their service and source at hand; those that nobody is told of are
    left out. What came from PagerDuty is not told there: it would come back.
    """
    rows = list(incidents)
    rules = _rules({incident.workspace_id for incident in rows})
    shared = _shared(rules)
    found: dict[int, list[Destination]] = {}
    for incident in rows:
        about = About(
            severity=Severity(incident.severity),
            service_id=incident.service_id,
            team_id=incident.service.owner_id,
            labels=incident.labels,
        )
        told: dict[int, Destination] = {}
        for _, rule in rules.get(incident.workspace_id, ()):
            if not why_not(rule, about, now):
                led_to = _led_to(rule, shared[incident.workspace_id])
                told |= {one.pk: one for one in led_to if not one.problem}
        if incident.source is not None and incident.source.kind == SourceKind.PAGERDUTY:
            told = {pk: one for pk, one in told.items() if one.kind != ChannelKind.PAGERDUTY}
        if told:
            found[incident.pk] = list(told.values())
    return found


def dry_run(
    *,
    actor: Actor,
    workspace_id: int,
    now: datetime,
    severity: Severity,
    service_id: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> list[Tried]:
    """What every route of the workspace would make of such an incident at *now*: taken or why not, and where it would lead.

    Without a service, of the default one. Raises ``NotFound``.
    """
    services = Service.objects.visible_to(actor).filter(workspace_id=workspace_id)
    service = (services.filter(pk=service_id) if service_id else services.filter(is_default=True)).first()
    if service is None:
        raise NotFound("There is no such service.")
    about = About(severity=severity, service_id=service.pk, team_id=service.owner_id, labels=labels or {})
    rules = _rules([workspace_id])
    shared = _shared(rules)[workspace_id]
    tried = []
    for route, rule in rules.get(workspace_id, ()):
        told = tuple(RouteDestination(one, one.problem) for one in _led_to(rule, shared))
        tried.append(Tried(route, why_not(rule, about, now), told))
    return tried


def ensure_default_routes(workspace: Workspace) -> None:
    """The routes that a new workspace starts with, and the log that the last of them leads to. Nothing where there are any."""
    if Route.objects.filter(workspace=workspace).exists():
        return
    Route.objects.bulk_create(
        Route(
            workspace=workspace,
            position=place,
            name=f"{severity.label} incidents",
            severities=[severity.word],
            channels=[str(kind) for kind in kinds],
        )
        for place, (severity, kinds) in enumerate(DEFAULTS.items())
    )
    address = CHANNELS[ChannelKind.LOG].check_address("")
    Destination.objects.get_or_create(
        workspace=workspace,
        owner=None,
        kind=ChannelKind.LOG,
        address_digest=secrets.digest(address),
        defaults={"label": "Log", "address_sealed": secrets.seal(address), "verified_at": workspace.created_at},
    )


@audited("route.create", taken=lambda given: _taken())
def create_route(*, actor: Actor, workspace: Workspace, name: str, **rules: Any) -> Route:
    """Make a route, the last one unless *position* says otherwise. *rules*: as :func:`update_route` takes them.

    Raises ``NotPermitted``, and ``InvalidInput`` naming the field.
    """
    _require_admin(actor, workspace.pk)
    last = Route.objects.filter(workspace=workspace).order_by("-position").first()
    route = _saved(Route(workspace=workspace), {"name": name, "position": last.position + 1 if last else 0, **rules})
    makes(route)
    return route


@audited("route.update", taken=lambda given: _taken())
def update_route(*, actor: Actor, route_id: int, **rules: Any) -> Route:
    """Change what is given: *name*, *enabled*, *position*, *severities* (words), *service* and *team* (rows or None), *labels*
    (patterns), *window* (JSON form, {} for always), *channels* (kinds), *destinations* (ids of shared ones)."""
    return _saved(_locked(actor, route_id), rules)


@audited("route.delete")
def delete_route(*, actor: Actor, route_id: int) -> None:
    """Remove a route."""
    route = _locked(actor, route_id)
    removes(route)
    route.delete()


def read_rule(data: Mapping[str, Any]) -> Rule:
    """The rule of a route from its JSON form, whose channels can be shared. Raises ``InvalidInput`` with what is wrong."""
    rule = Rule.of_json(data)
    for place, kind in enumerate(rule.channels):
        if not CHANNELS[kind].shared:
            known = ", ".join(sorted(kind for kind, channel in CHANNELS.items() if channel.shared))
            raise InvalidInput.at(("channels", place), f"expected one of {known}.")
    return rule


def _saved(route: Route, rules: Mapping[str, Any]) -> Route:
    """*route* with *rules* checked and written."""
    for field in ("service", "team"):
        if field in rules:
            setattr(route, field, row := rules[field])
            if row is not None and row.workspace_id != route.workspace_id:
                raise InvalidInput.at((field,), f"expected a {field} of the workspace.")
    rule = read_rule({**(rule_of(route).as_json() if route.pk else {}), **rules})
    if not rule.channels and not rule.destinations:
        raise InvalidInput.at(("channels",), "name at least one channel or destination.")
    if "destinations" in rules:
        known = set(Destination.objects.filter(workspace_id=route.workspace_id).listed().values_list("pk", flat=True))
        if strangers := [place for place, pk in enumerate(rule.destinations) if pk not in known]:
            raise InvalidInput.at(
                ("destinations", strangers[0]), "expected the id of a shared destination of the workspace."
            )
    said = rule.as_json()
    for field in STORED:
        setattr(route, field, said[field])
    route.window = route.window or {}
    route.save()
    if "destinations" in rules:
        route.destinations.set(rule.destinations)
    return route


def _taken() -> InvalidInput:
    return InvalidInput.at(("name",), "the workspace has a route of this name.")


def _rules(workspaces: Collection[int]) -> dict[int, list[tuple[Route, Rule]]]:
    """The routes of some workspaces in their order, each as a pure rule."""
    routes = _routes(workspaces=list(workspaces))
    prefetch_related_objects(routes, "destinations")
    found: dict[int, list[tuple[Route, Rule]]] = defaultdict(list)
    for route in routes:
        found[route.workspace_id].append((route, rule_of(route)))
    return found


def rule_of(route: Route) -> Rule:
    """A route as the pure rule that decides."""
    stored = {field: getattr(route, field) for field in STORED}
    targets = {"service_id": route.service_id, "team_id": route.team_id}
    return Rule.of_json({**stored, **targets, "destinations": [one.pk for one in route.destinations.all()]})


def _shared(rules: Mapping[int, Sequence[tuple[Route, Rule]]]) -> dict[int, list[Destination]]:
    """Per workspace, the shared destinations that any of its routes may lead to."""
    found: dict[int, list[Destination]] = defaultdict(list)
    for destination in _destinations_of(workspaces=list(rules)) if rules else ():
        found[destination.workspace_id or 0].append(destination)
    return found


def _led_to(rule: Rule, shared: Sequence[Destination]) -> list[Destination]:
    """Where a rule leads, by name first, then kind by kind."""
    named = [one for one in shared if one.pk in rule.destinations]
    return [*named, *(one for kind in rule.channels for one in shared if one.kind == kind and one not in named)]


def _locked(actor: Actor, route_id: int) -> Route:
    route = Route.objects.visible_to(actor).select_for_update(no_key=True, of=("self",)).filter(pk=route_id).first()
    if route is None:
        raise NotFound("There is no such route.")
    _require_admin(actor, route.workspace_id)
    changes(route)
    return route


def _require_admin(actor: Actor, workspace_id: int) -> None:
    if not actor.may(Role.ADMIN, workspace_id):
        raise NotPermitted("Routes are made and changed by admins of the workspace.")
