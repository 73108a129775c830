"""The person on call for a service now: of the first level of its policy, and the first other person of a later level.

A service without a policy, or with one that notifies only admins, has its team's schedule, or the workspace's only one.
A constant number of queries for any number of services.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiops.access.actors import Actor
from aiops.access.models import Team, User
from aiops.kernel.errors import NotFound
from incidents.catalogue.models import Service
from notifications import oncall
from notifications.choices import TargetKind
from notifications.delivery.selectors.recipients import admins_of
from notifications.escalation.selectors.in_force import policies_of
from notifications.oncall import ScheduleSpec
from notifications.oncall.models import Schedule
from notifications.oncall.selectors.schedules import AHEAD, load

MOST_SERVICES = 500

Level = list[tuple[str, int]]  # kinds and ids of targets


@dataclass(frozen=True, slots=True)
class Current:
    """Names as the APIs write them; None: nobody, or not known."""

    service: str | None
    oncall: str | None
    team: str | None
    escalation_contact: str | None
    week_number: int
    rotation_index: int | None


def current(actor: Actor, service: str, now: datetime) -> tuple[Current, list[Current]]:
    """Of the service called *service* (empty: the default one, and every other in the list beside it). ``NotFound``."""
    services = Service.objects.visible_to(actor).select_related("owner").order_by("workspace_id", "name")
    if service:
        found = services.filter(name__iexact=service).first()
        if found is None:
            raise NotFound("Service not found", details=f"No service {service[:200]!r}")
        return _answers([found], now)[0], []
    rows = list(services[:MOST_SERVICES])
    answers = _answers(rows, now)
    default = next((place for place, row in enumerate(rows) if row.is_default), None)
    if default is None:
        nobody = Current(None, None, None, None, now.isocalendar().week, None)
        return nobody, answers
    return answers[default], answers


def _answers(services: Sequence[Service], now: datetime) -> list[Current]:
    chains = _chains(services)
    targets = {target for chain in chains for level in chain for target in level}
    schedules = Schedule.objects.filter(pk__in=_ids(targets, TargetKind.SCHEDULE)).select_related("team").in_bulk()
    specs = load(schedules, now, now + AHEAD)
    teams = Team.objects.filter(pk__in=_ids(targets, TargetKind.TEAM)).prefetch_related("members").in_bulk()
    holders = {pk: shift.user_id for pk, spec in specs.items() if (shift := oncall.on_call(spec, now))}
    admins = admins_of(_ids(targets, TargetKind.ADMINS))
    wanted = _ids(targets, TargetKind.USER) | set(holders.values()) | {pk for found in admins.values() for pk in found}
    names = dict(User.objects.filter(is_active=True, pk__in=wanted).values_list("pk", "username"))
    people = {(str(TargetKind.USER), pk): [name] for pk, name in names.items()}
    people |= {(str(TargetKind.SCHEDULE), pk): [names[user]] for pk, user in holders.items() if user in names}
    for pk, found in admins.items():
        people[str(TargetKind.ADMINS), pk] = [names[user] for user in found if user in names]
    for pk, team in teams.items():
        people[str(TargetKind.TEAM), pk] = [user.username for user in team.members.all() if user.is_active]
    return [
        _answer(service, chain, people, schedules, specs, now) for service, chain in zip(services, chains, strict=True)
    ]


def _answer(
    service: Service,
    chain: list[Level],
    people: dict[tuple[str, int], list[str]],
    schedules: dict[int, Schedule],
    specs: dict[int, ScheduleSpec],
    now: datetime,
) -> Current:
    levels = [[name for target in level for name in people.get(target, [])] for level in chain]
    first = next(iter(levels[0]), None) if levels else None
    contact = next((name for level in levels[1:] for name in level if name != first), None)
    schedule = next(
        (pk for kind, pk in (chain[0] if chain else []) if kind == TargetKind.SCHEDULE and pk in specs), None
    )
    team = service.owner or (schedules[schedule].team if schedule else None)
    zone = ZoneInfo(specs[schedule].time_zone if schedule else "UTC")
    return Current(
        service=service.name,
        oncall=first,
        team=team.name if team else None,
        escalation_contact=contact,
        week_number=now.astimezone(zone).isocalendar().week,
        rotation_index=oncall.rotation_index(specs[schedule], now) if schedule else None,
    )


def _chains(services: Iterable[Service]) -> list[list[Level]]:
    """Per service, the levels of its policy that page people, in order."""
    services = list(services)
    workspaces = {service.workspace_id for service in services}
    policies = policies_of(services, None)
    schedules = list(Schedule.objects.filter(workspace_id__in=workspaces).order_by("name"))
    found = []
    for service in services:
        policy = policies.get(service.pk)
        levels = _levels(policy.version.definition) if policy is not None and policy.version is not None else []
        if all(kind == TargetKind.ADMINS for level in levels for kind, _ in level):
            levels = _by_team(service, [row for row in schedules if row.workspace_id == service.workspace_id]) + levels
        found.append(levels)
    return found


def _levels(definition: dict[str, Any]) -> list[Level]:
    levels = [
        [(target["kind"], target["id"]) for target in step["targets"] if target["kind"] != TargetKind.CHANNEL]
        for step in definition["steps"]
    ]
    return [level for level in levels if level]


def _by_team(service: Service, schedules: list[Schedule]) -> list[Level]:
    teams = [row.pk for row in schedules if row.team_id is not None and row.team_id == service.owner_id]
    chosen = teams[:1] or ([schedules[0].pk] if len(schedules) == 1 else [])
    return [[(str(TargetKind.SCHEDULE), pk)] for pk in chosen]


def _ids(targets: Iterable[tuple[str, int]], kind: TargetKind) -> set[int]:
    return {pk for of, pk in targets if of == kind}
