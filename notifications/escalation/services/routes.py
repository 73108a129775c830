"""Routes: which shared destinations hear of a new incident. Made and changed by admins of the workspace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import prefetch_related_objects

from aiops.access.actors import Actor, Role
from aiops.access.models import Team, Workspace
from aiops.kernel import secrets
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted
from aiops.kernel.sql import CompiledQuery, Given
from incidents.catalogue.models import Service
from incidents.choices import Severity, SourceKind
from incidents.core.models import Incident
from notifications.channels import CHANNELS
from notifications.choices import PROOF_ADDRESS, ChannelKind
from notifications.delivery.models import Destination
from notifications.escalation.definition import read_window, window_json
from notifications.escalation.models import Route
from notifications.escalation.routing import About, Rule, why_not

DEFAULTS: Mapping[Severity, Sequence[ChannelKind]] = {
    Severity.CRITICAL: (ChannelKind.SLACK, ChannelKind.PAGERDUTY, ChannelKind.EMAIL),
    Severity.HIGH: (ChannelKind.SLACK, ChannelKind.EMAIL),
    Severity.MEDIUM: (ChannelKind.SLACK,),
    Severity.LOW: (ChannelKind.SLACK,),
    Severity.INFO: (ChannelKind.LOG,),
}
WORDS = {severity.word: severity for severity in reversed(Severity)}
MOST_LABELS, LONGEST_LABEL, MOST_DESTINATIONS = 20, 200, 100


@dataclass(frozen=True, slots=True)
class Told:
    """One destination of a dry run; *problem* says why it would not be told, "" when it would."""

    destination: Destination
    problem: str


@dataclass(frozen=True, slots=True)
class Tried:
    """A route in a dry run: *why_not* is empty when it takes the sample, and *told* is where it leads then."""

    route: Route
    why_not: str
    told: tuple[Told, ...]


_routes = CompiledQuery(
    lambda: Route.objects.filter(workspace_id__any_of=Given("workspaces")).select_related("service", "team")
)
_destinations_of = CompiledQuery(
    lambda: (
        Destination.objects.filter(workspace_id__any_of=Given("workspaces"))
        .exclude(kind=ChannelKind.LOG, address_digest=secrets.digest(PROOF_ADDRESS))
        .order_by("pk")
    )
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
                told |= {one.pk: one for one in led_to if not problem(one)}
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
        told = tuple(Told(one, problem(one)) for one in _led_to(rule, shared))
        tried.append(Tried(route, why_not(rule, about, now), told))
    return tried


def problem(destination: Destination) -> str:
    """Why nothing is sent to a destination now; "" when it is."""
    if not destination.enabled:
        return "it is switched off"
    if destination.broken_at is not None:
        return destination.broken_reason or "it failed for good"
    return "" if destination.verified_at is not None else "it is not verified"


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


def create_route(*, actor: Actor, workspace: Workspace, name: str, **rules: Any) -> Route:
    """Make a route, the last one unless *position* says otherwise. *rules*: as :func:`update_route` takes them.

    Raises ``NotPermitted``, and ``InvalidInput`` naming the field.
    """
    _require_admin(actor, workspace.pk)
    last = Route.objects.filter(workspace=workspace).order_by("-position").first()
    route = Route(workspace=workspace, position=last.position + 1 if last else 0)
    return _saved(route, {"name": name, **rules})


def update_route(*, actor: Actor, route_id: int, **rules: Any) -> Route:
    """Change what is given: *name*, *enabled*, *position*, *severities* (words), *service* and *team* (rows or None), *labels*
    (patterns), *window* (JSON form, {} for always), *channels* (kinds), *destinations* (ids of shared ones)."""
    with transaction.atomic():
        return _saved(_locked(actor, route_id), rules)


def delete_route(*, actor: Actor, route_id: int) -> None:
    """Remove a route."""
    with transaction.atomic():
        _locked(actor, route_id).delete()


def _saved(route: Route, rules: Mapping[str, Any]) -> Route:
    """*route* with *rules* checked and written."""
    destinations = rules.get("destinations")
    for field, value in rules.items():
        if field != "destinations":
            setattr(route, field, CHECKS[field](value, route.workspace_id))
    ids = None if destinations is None else _destinations(destinations, route.workspace_id)
    leads = bool(route.channels) or (bool(ids) if ids is not None else bool(route.pk) and route.destinations.exists())
    if not leads:
        raise InvalidInput("channels: name at least one channel or destination.", field="channels")
    try:
        with transaction.atomic():
            route.save()
            if ids is not None:
                route.destinations.set(ids)
    except IntegrityError:
        raise InvalidInput("name: the workspace has a route of this name.", field="name") from None
    return route


def _name(value: Any, workspace_id: int) -> str:
    name = value.strip() if isinstance(value, str) else ""
    if not 0 < len(name) <= 200:
        raise InvalidInput("name: expected a text of 1 to 200 characters.", field="name")
    return name


def _flag(value: Any, workspace_id: int) -> bool:
    if not isinstance(value, bool):
        raise InvalidInput("enabled: expected true or false.", field="enabled")
    return value


def _position(value: Any, workspace_id: int) -> int:
    if type(value) is not int or not 0 <= value <= 32_767:
        raise InvalidInput("position: expected a whole number from 0 to 32767.", field="position")
    return value


def _severities(value: Any, workspace_id: int) -> list[str]:
    given = _words(value, "severities")
    if unknown := [word for word in given if word not in WORDS]:
        raise InvalidInput(
            f"severities: expected words among {', '.join(WORDS)}, not {unknown[0][:50]!r}.", field="severities"
        )
    return [word for word in WORDS if word in given]


def _channels(value: Any, workspace_id: int) -> list[str]:
    known = {str(kind) for kind, channel in CHANNELS.items() if channel.shared}
    given = _words(value, "channels")
    if unknown := [word for word in given if word not in known]:
        raise InvalidInput(
            f"channels: expected kinds among {', '.join(sorted(known))}, not {unknown[0][:50]!r}.", field="channels"
        )
    return list(dict.fromkeys(given))


def _labels(value: Any, workspace_id: int) -> dict[str, str]:
    fits = isinstance(value, Mapping) and len(value) <= MOST_LABELS
    if not fits or not all(
        isinstance(text, str) and 0 < len(text) <= LONGEST_LABEL for pair in value.items() for text in pair
    ):
        raise InvalidInput(
            f"labels: expected at most {MOST_LABELS} labels with a pattern each, of at most {LONGEST_LABEL} characters.",
            field="labels",
        )
    return dict(value)


def _window(value: Any, workspace_id: int) -> dict[str, Any]:
    window = read_window(value, "window", responder=False)
    return window_json(window) if window else {}


def _service(value: Service | None, workspace_id: int) -> Service | None:
    if value is not None and value.workspace_id != workspace_id:
        raise InvalidInput("service: expected a service of the workspace.", field="service")
    return value


def _team(value: Team | None, workspace_id: int) -> Team | None:
    if value is not None and value.workspace_id != workspace_id:
        raise InvalidInput("team: expected a team of the workspace.", field="team")
    return value


CHECKS: dict[str, Callable[[Any, int], Any]] = {
    "name": _name,
    "enabled": _flag,
    "position": _position,
    "severities": _severities,
    "service": _service,
    "team": _team,
    "labels": _labels,
    "window": _window,
    "channels": _channels,
}


def _destinations(value: Any, workspace_id: int) -> list[int]:
    ids = value if isinstance(value, list | tuple) and len(value) <= MOST_DESTINATIONS else [None]
    known = set(Destination.objects.filter(workspace_id=workspace_id).values_list("pk", flat=True))
    if not all(type(pk) is int and pk in known for pk in ids):
        raise InvalidInput("destinations: expected ids of shared destinations of the workspace.", field="destinations")
    return list(dict.fromkeys(ids))


def _words(value: Any, field: str) -> list[str]:
    if not isinstance(value, Collection) or isinstance(value, str) or not all(isinstance(word, str) for word in value):
        raise InvalidInput(f"{field}: expected a list of words.", field=field)
    return [word.strip().lower() for word in value]


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
    return Rule(
        name=route.name,
        enabled=route.enabled,
        severities=tuple(WORDS[word] for word in route.severities if word in WORDS),
        service_id=route.service_id,
        team_id=route.team_id,
        labels=route.labels,
        window=read_window(route.window, "window", responder=False),
        channels=tuple(ChannelKind(kind) for kind in route.channels),
        destinations=tuple(one.pk for one in route.destinations.all()),
    )


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
    return route


def _require_admin(actor: Actor, workspace_id: int) -> None:
    if not actor.may(Role.ADMIN, workspace_id):
        raise NotPermitted("Routes are made and changed by admins of the workspace.")
