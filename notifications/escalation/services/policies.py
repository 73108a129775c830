"""Verbs on escalation policies, for admins of the workspace. Each change makes a new version; runs keep theirs."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import Max

from aiops.access.actors import Actor, Role
from aiops.access.models import Membership, Team, User, Workspace
from aiops.audit.recording import Object
from aiops.audit.verbs import about, audited, changes, makes, removes, says
from aiops.kernel.errors import Conflict, InvalidInput, Location, NotFound, NotPermitted
from incidents.catalogue.models import Service
from incidents.choices import Severity
from notifications.choices import TargetKind
from notifications.delivery.models import Destination
from notifications.delivery.target import Target
from notifications.escalation.definition import Definition
from notifications.escalation.lifecycle import UNFINISHED
from notifications.escalation.models import EscalationPolicy, EscalationRun, PolicyVersion, ServicePolicy
from notifications.oncall.models import Schedule

WHAT = {
    TargetKind.USER: "person",
    TargetKind.TEAM: "team",
    TargetKind.SCHEDULE: "schedule",
    TargetKind.CHANNEL: "shared destination",
    TargetKind.ADMINS: "workspace",
}


@audited("escalation_policy.create", taken=lambda given: _taken(given["name"]))
def create_policy(
    *,
    actor: Actor,
    workspace: Workspace,
    name: str,
    definition: Any,
    now: datetime,
    description: str = "",
    severities: Collection[str] = (),
    enabled: bool = True,
    is_default: bool = False,
    is_system: bool = False,
) -> EscalationPolicy:
    """Make a policy with its first version. *definition* is the JSON form (``definition.py``); *is_system*: the platform's own,
    which no list shows.

    Raises :class:`NotPermitted`, and :class:`InvalidInput` whose field is the path of what is wrong.
    """
    _require_admin(actor, workspace.pk)
    read = read_definition(definition, workspace.pk, is_system=is_system)
    if is_default:
        _no_other_default(workspace.pk)
    policy = EscalationPolicy.objects.create(
        workspace=workspace,
        name=_name(name),
        description=description,
        severities=_severities(severities),
        enabled=enabled,
        is_default=is_default,
        is_system=is_system,
    )
    _new_version(policy, read, actor, now)
    makes(policy)
    return policy


@audited("escalation_policy.update", taken=lambda given: _taken(given.get("name") or ""))
def update_policy(
    *,
    actor: Actor,
    policy_id: int,
    now: datetime,
    name: str | None = None,
    description: str | None = None,
    definition: Any = None,
    severities: Collection[str] | None = None,
    enabled: bool | None = None,
    is_default: bool | None = None,
) -> EscalationPolicy:
    """Change what is given (None: as it is). Another definition becomes a new version, for incidents that open from now on."""
    policy = _locked(actor, policy_id)
    if name is not None:
        policy.name = _name(name)
    if description is not None:
        policy.description = description
    if severities is not None:
        policy.severities = _severities(severities)
    if enabled is not None:
        policy.enabled = enabled
    if is_default is not None:
        if is_default:
            _no_other_default(policy.workspace_id, policy.pk)
        policy.is_default = is_default
    policy.save()
    if definition is not None:
        read = read_definition(definition, policy.workspace_id, is_system=policy.is_system)
        if policy.version is None or Definition.of_json(policy.version.definition) != read:
            _new_version(policy, read, actor, now)
    return policy


@audited("escalation_policy.delete")
def delete_policy(*, actor: Actor, policy_id: int) -> None:
    """Remove a policy. Refused while an incident is live whose escalation is over it, also one that has run out or was stopped:
    a rise or a return would find nothing to go on with. Ended runs forget their version."""
    policy = _locked(actor, policy_id)
    runs = EscalationRun.objects.filter(version__policy=policy)
    if (going := runs.filter(state__in=UNFINISHED).count()) > 0:
        raise Conflict(
            f"{going} escalation{'s' if going > 1 else ''} over this policy still going on",
            details="Switch it off instead: no new incident uses it then.",
        )
    removes(policy)
    runs.update(version=None)
    EscalationPolicy.objects.filter(pk=policy.pk).update(version=None)
    policy.delete()


@audited("service.set_policy")
def set_service_policy(*, actor: Actor, service_id: int, policy_id: int | None) -> None:
    """Have a service use a policy of its own; None: the workspace's again. For incidents that open from now on."""
    service = Service.objects.visible_to(actor).filter(pk=service_id).first()
    if service is None:
        raise NotFound("There is no such service.")
    _require_admin(actor, service.workspace_id)
    present = ServicePolicy.objects.filter(service=service)
    about(Object.of(service), {"policy": present.values_list("policy", flat=True).first()})
    says(policy=policy_id)
    if policy_id is None:
        present.delete()
        return
    policy = EscalationPolicy.objects.filter(pk=policy_id, workspace_id=service.workspace_id).first()
    if policy is None:
        raise InvalidInput("policy: expected a policy of the service's workspace.", field="policy")
    ServicePolicy.objects.update_or_create(service=service, defaults={"policy": policy})


def read_definition(definition: Any, workspace_id: int, *, is_system: bool = False) -> Definition:
    """The definition, all of whose targets exist in the workspace; raises :class:`InvalidInput` whose field is a path.

    The platform's own policy tells the platform's own destination, no other policy does.
    """
    read = Definition.of_json(definition)
    known = {
        TargetKind.USER: set(Membership.objects.filter(workspace=workspace_id).values_list("user_id", flat=True))
        | set(User.objects.filter(is_superuser=True).values_list("pk", flat=True)),
        TargetKind.TEAM: set(Team.objects.filter(workspace=workspace_id).values_list("pk", flat=True)),
        TargetKind.SCHEDULE: set(Schedule.objects.filter(workspace=workspace_id).values_list("pk", flat=True)),
        TargetKind.CHANNEL: set(
            Destination.objects.filter(workspace=workspace_id, is_system=is_system).values_list("pk", flat=True)
        ),
        TargetKind.ADMINS: {workspace_id},
    }
    named: list[tuple[Location, Target]] = [
        (("steps", n, "targets", m, "id"), target)
        for n, step in enumerate(read.steps)
        for m, target in enumerate(step.targets)
    ]
    named += [(("fallback_destinations", n), Target(TargetKind.CHANNEL, pk)) for n, pk in enumerate(read.fallback)]
    for location, target in named:
        if target.id not in known[target.kind]:
            raise InvalidInput.at(location, f"no such {WHAT[target.kind]} in this workspace.")
    return read


def _new_version(policy: EscalationPolicy, read: Definition, actor: Actor, now: datetime) -> None:
    latest = PolicyVersion.objects.filter(policy=policy).aggregate(latest=Max("number"))["latest"] or 0
    policy.version = PolicyVersion.objects.create(
        policy=policy, number=latest + 1, definition=read.as_json(), created_at=now, created_by=actor.label[:254]
    )
    policy.save(update_fields=["version"])


def _locked(actor: Actor, policy_id: int) -> EscalationPolicy:
    visible = EscalationPolicy.objects.visible_to(actor).filter(pk=policy_id)
    policy = visible.select_for_update(no_key=True, of=("self",)).first()
    if policy is None:
        raise NotFound("There is no such escalation policy.")
    _require_admin(actor, policy.workspace_id)
    changes(policy)
    return policy


def _taken(name: str) -> InvalidInput:
    return InvalidInput(f"name: the workspace has a policy named {name.strip()!r}.", field="name")


def _no_other_default(workspace_id: int, but: int = 0) -> None:
    """The default moves: a workspace has one."""
    EscalationPolicy.objects.filter(workspace=workspace_id, is_default=True).exclude(pk=but).update(is_default=False)


def _severities(words: Collection[str]) -> list[str]:
    known = [severity.word for severity in Severity]
    if unknown := [word for word in words if word not in known]:
        raise InvalidInput(
            f"severities: expected words among {', '.join(known)}, not {unknown[0]!r}.", field="severities"
        )
    return [word for word in reversed(known) if word in words]


def _name(name: str) -> str:
    if not (name := name.strip()):
        raise InvalidInput("name: a policy needs a name.", field="name")
    if len(name) > 200:
        raise InvalidInput("name: at most 200 characters.", field="name")
    return name


def _require_admin(actor: Actor, workspace_id: int) -> None:
    if not actor.may(Role.ADMIN, workspace_id):
        raise NotPermitted("Escalation policies are made and changed by admins of the workspace.")
