"""Template context of the escalation pages: the policies, one policy, its versions, and the services that use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db.models import Count

from aiops.access.actors import Actor, Role
from aiops.access.models import Workspace
from aiops.kernel.errors import NotFound
from incidents.catalogue.models import Service
from notifications.escalation.console.naming import Named, Names
from notifications.escalation.definition import Definition, Step
from notifications.escalation.lifecycle import UNFINISHED
from notifications.escalation.models import (
    EscalationPolicy,
    EscalationRun,
    PolicyVersion,
    ServicePolicy,
    UnreachableService,
)
from notifications.oncall.windows import RESPONDER, hours

MOST_SERVICES = 200  # on the page; the rest is found by name
MOST_VERSIONS = 30
MOST_POLICIES = 200


@dataclass(frozen=True, slots=True)
class Level:
    """A step as a page shows it."""

    number: int
    name: str
    after: str  # "at once", "5 min later"
    targets: list[Named]
    terms: list[str] = field(default_factory=list)  # repeats, conditions, urgency


@dataclass(frozen=True, slots=True)
class Chain:
    """A whole policy as a page shows it."""

    levels: list[Level]
    ending: list[str]
    fallback: list[Named]


@dataclass(frozen=True, slots=True)
class Summary:
    """A policy of the list."""

    policy: EscalationPolicy
    chain: Chain | None
    services: int
    going: int


def policies_of(actor: Actor) -> dict[str, Any]:
    """The list of policies. Nine queries at most, however many there are."""
    rows = EscalationPolicy.objects.visible_to(actor)
    rows = rows.select_related("version", "workspace").order_by("name")
    policies = list(rows.annotate(used_by=Count("services", distinct=True))[:MOST_POLICIES])
    read = {p.pk: Definition.of_json(p.version.definition) for p in policies if p.version is not None}
    names = Names(read.values())
    going = dict(
        EscalationRun.objects.filter(version__policy__in=policies, state__in=UNFINISHED)
        .values_list("version__policy")
        .annotate(n=Count("pk"))
    )
    return {
        "summaries": [
            Summary(
                policy,
                chain_of(read[policy.pk], names) if policy.pk in read else None,
                policy.used_by,
                going.get(policy.pk, 0),
            )
            for policy in policies
        ],
        "unreachable": unreachable_of(actor),
        "many": len({policy.workspace_id for policy in policies}) > 1,
        "may_make": bool(administered(actor)),
    }


def policy_for(actor: Actor, policy_id: int) -> EscalationPolicy:
    """The policy; ``NotFound`` when there is none or the actor may not see it."""
    rows = EscalationPolicy.objects.visible_to(actor).select_related("version", "workspace")
    if (policy := rows.filter(pk=policy_id).first()) is None:
        raise NotFound("There is no such escalation policy")
    return policy


def policy_page(actor: Actor, policy: EscalationPolicy, number: int | None = None) -> dict[str, Any]:
    """One policy, as it is or (*number*) as a version of it was."""
    versions = list(PolicyVersion.objects.filter(policy=policy).defer("definition")[:MOST_VERSIONS])
    shown = policy.version if number is None else PolicyVersion.objects.filter(policy=policy, number=number).first()
    if shown is None and number is not None:
        raise NotFound("There is no such version")
    read = Definition.of_json(shown.definition) if shown is not None else None
    services = Service.objects.filter(pk__in=ServicePolicy.objects.filter(policy=policy).values("service_id")).order_by(
        "name"
    )
    return {
        "policy": policy,
        "shown": shown,
        "is_old": number is not None and policy.version is not None and number != policy.version.number,
        "chain": chain_of(read, Names([read])) if read is not None else None,
        "versions": versions,
        "services": list(services[:MOST_SERVICES]),
        "going": EscalationRun.objects.filter(version__policy=policy, state__in=UNFINISHED).count(),
        "admin": actor.may(Role.ADMIN, policy.workspace_id),
        "unreachable": [row for row in unreachable_of(actor) if row.workspace_id == policy.workspace_id],
    }


def chain_of(definition: Definition, names: Names) -> Chain:
    """A definition in words."""
    levels = [
        Level(
            number=place + 1,
            name=step.name or f"Level {place + 1}",
            after=_later(step.delay) if place or step.delay else "at once",
            targets=[names.of(target) for target in step.targets],
            terms=terms_of(step),
        )
        for place, step in enumerate(definition.steps)
    ]
    ending = [f"{_minutes(definition.final_wait)} later"]
    if definition.repeat:
        ending.append(f"all of it again, {definition.repeat}×, then")
    if definition.acknowledge:
        ending.append(f"an acknowledgement holds for {_minutes(definition.acknowledge)}")
    if definition.stop.after:
        ending.append(f"stops after {_minutes(definition.stop.after)}")
    if definition.stop.below:
        ending.append(f"stops below severity {definition.stop.below.word}")
    return Chain(levels, ending, [names.destination(pk) for pk in definition.fallback])


def terms_of(step: Step) -> list[str]:
    """What a step asks and repeats."""
    said = []
    if step.repeat_times:
        said.append(f"again every {_minutes(step.repeat_every)}, {step.repeat_times}×")
    conditions = step.conditions
    if conditions.severities:
        said.append("only " + ", ".join(severity.word for severity in conditions.severities))
    if conditions.priorities:
        said.append("only " + ", ".join(priority.name for priority in conditions.priorities))
    if conditions.window is not None:
        zone = conditions.window.time_zone
        said.append(f"only {hours(conditions.window)} {'on their own clock' if zone == RESPONDER else zone}")
    if step.stops:
        said.append("else the escalation stops")
    if step.urgency is not None:
        said.append(f"{step.urgency.label.lower()} urgency")
    return said


def services_page(actor: Actor, text: str) -> dict[str, Any]:
    """Which service uses which policy. *text*: part of a service's name."""
    services = Service.objects.visible_to(actor)
    services = services.select_related("workspace").order_by("name", "pk")
    if text:
        services = services.filter(name__icontains=text[:200])
    shown = list(services[: MOST_SERVICES + 1])
    own = dict(ServicePolicy.objects.filter(service__in=shown).values_list("service_id", "policy_id"))
    choices: dict[int, list[EscalationPolicy]] = {}
    for policy in EscalationPolicy.objects.visible_to(actor).order_by("name"):
        choices.setdefault(policy.workspace_id, []).append(policy)
    silent = {row.service_id: row for row in unreachable_of(actor)}
    return {
        "rows": [
            (
                service,
                own.get(service.pk),
                choices.get(service.workspace_id, []),
                silent.get(service.pk),
                actor.may(Role.ADMIN, service.workspace_id),
            )
            for service in shown[:MOST_SERVICES]
        ],
        "more": len(shown) > MOST_SERVICES,
        "text": text,
        "many": len({service.workspace_id for service in shown}) > 1,
    }


def unreachable_of(actor: Actor) -> Sequence[UnreachableService]:
    """Services whose chain reached nobody when the sweep last went through."""
    return list(UnreachableService.objects.visible_to(actor).select_related("service").order_by("service__name")[:100])


def administered(actor: Actor) -> list[Workspace]:
    """The workspaces whose configuration the actor may change."""
    rows = Workspace.objects.order_by("pk")
    if actor.workspace_ids is not None:
        rows = rows.filter(pk__in=actor.workspace_ids)
    return [row for row in rows if actor.may(Role.ADMIN, row.pk)]


def _later(span: timedelta) -> str:
    return f"{_minutes(span)} later" if span else "at the same time"


def _minutes(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 120 or minutes % 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 or minutes % 1440 else f"{minutes // 1440} days"
