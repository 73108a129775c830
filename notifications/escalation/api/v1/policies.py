"""Views of v1's escalation policies: ``/api/v1/escalationpolicies``, as levels, with the escalations that are on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.db.models import Count
from rest_framework.request import Request
from rest_framework.response import Response

from aiops.access.models import Workspace
from aiops.api import v1
from aiops.api.schema import operation, part
from aiops.api.v1 import Page, V1View
from aiops.kernel.errors import Conflict, InvalidInput, NotFound
from incidents.choices import LIVE
from incidents.response.api.v1.examples import listed
from incidents.response.api.v1.views import PAGE_PARAMETERS
from notifications.escalation.api.v1 import examples
from notifications.escalation.api.v1.levels import definition_of, levels_of
from notifications.escalation.api.v1.naming import GONE, Finder, names, taken_is_a_conflict
from notifications.escalation.api.v1.serializers import DeletedOut, PolicyIn, PolicyListOut, PolicyOut, flattened
from notifications.escalation.lifecycle import GOING_ON
from notifications.escalation.models import EscalationPolicy, EscalationRun
from notifications.escalation.selectors.chosen_workspace import workspace_of
from notifications.escalation.services import policies

MOST_ACTIVE = 100  # escalations that the status of a page of policies names
NAMESPACE = "default"
WORDS = {
    "steps": "levels",
    "delay_minutes": "timeoutMinutes",
    "repeat_every_minutes": "repeatIntervalMinutes",
    "repeat_times": "repeatTimes",
    "fallback_destinations": "fallbackChannels",
}


class PolicyView(V1View):
    """Base of the views about policies."""

    def rows(self) -> Any:
        """The policies that the caller may see."""
        return EscalationPolicy.objects.visible_to(self.actor).filter(version__isnull=False).select_related("version")

    def find(self, name: str) -> EscalationPolicy:
        """By name, in the caller's workspace first; raises ``NotFound``."""
        found = self.rows().filter(name=name).order_by("pk")
        policy = found.filter(workspace=workspace_of(self.actor)).first() or found.first()
        if policy is None:
            raise NotFound("Escalation policy not found", details=f"No escalation policy named '{name[:200]}' found")
        return policy

    def asked(self, name: str = "") -> dict[str, Any]:
        """The body as a spec, in either form; *name* is the one in the path."""
        given = flattened(self.fields())
        reader = PolicyIn(data={**given, "name": name} if name else given, context={"now": self.now})
        reader.is_valid(raise_exception=True)
        return dict(reader.validated_data)

    def shown(self, policy: EscalationPolicy, status: int = HTTPStatus.OK) -> Response:
        spec, state = _described([policy], self.now)[0]
        metadata = _metadata(policy)
        body = v1.resource("EscalationPolicy", metadata=metadata, resourceMeta=metadata, spec=spec, status=state)
        return Response(PolicyOut(body).data, status)


class Policies(PolicyView):
    @operation(
        "List escalation policies",
        parameters=PAGE_PARAMETERS,
        answer=PolicyListOut,
        answered=listed("EscalationPolicyList", examples.POLICY_ITEM),
    )
    def get(self, request: Request) -> Response:
        """The escalation policies that the key may see, by name, each with the escalations that are on."""
        page, rows = Page.asked(self.params), self.rows().order_by("name", "pk")
        found = list(page.of(rows))
        items = [
            {**spec, **_metadata(policy), "status": state}
            for policy, (spec, state) in zip(found, _described(found, self.now), strict=True)
        ]
        return Response(PolicyListOut(v1.listing("EscalationPolicyList", items, rows.count(), page)).data)

    @operation(
        "Create an escalation policy",
        operation_id="v1_make_policy",
        request=PolicyIn,
        sent=examples.POLICY,
        status=HTTPStatus.CREATED,
        answer=PolicyOut,
        answered=examples.POLICY_OUT,
    )
    def post(self, request: Request) -> Response:
        """Make an escalation policy in the workspace of the key. For admins."""
        asked, workspace = self.asked(), workspace_of(self.actor)
        arguments = _arguments(asked, workspace)
        with in_levels(), taken_is_a_conflict("Escalation policy", EscalationPolicy, workspace, asked["name"]):
            made = policies.create_policy(
                actor=self.actor, workspace=workspace, name=asked["name"], now=self.now, **arguments
            )
        return self.shown(made, HTTPStatus.CREATED)


class OnePolicy(PolicyView):
    parameters = (*PolicyView.parameters, part("name", "The policy's name."))
    samples = (
        NotFound("Escalation policy not found", details="No escalation policy named 'critical' found"),
        Conflict("An escalation over this policy is on", details="Switch the policy off, or wait for INC-20260319-001"),
    )

    @operation("Get an escalation policy", answer=PolicyOut, answered=examples.POLICY_OUT)
    def get(self, request: Request, name: str) -> Response:
        """One escalation policy as levels, and the escalations that are on."""
        return self.shown(self.find(name))

    @operation(
        "Replace an escalation policy",
        request=PolicyIn,
        sent=examples.POLICY,
        answer=PolicyOut,
        answered=examples.POLICY_OUT,
    )
    def put(self, request: Request, name: str) -> Response:
        """Replace the whole policy; a field that is left out is as in a new one. For admins.

        Escalations that are on keep their version.
        """
        policy = self.find(name)
        arguments = _arguments(self.asked(policy.name), policy.workspace)
        with in_levels():
            changed = policies.update_policy(actor=self.actor, policy_id=policy.pk, now=self.now, **arguments)
        return self.shown(changed)

    @operation("Delete an escalation policy", answer=DeletedOut, answered=examples.deleted("critical-policy"))
    def delete(self, request: Request, name: str) -> Response:
        """Remove an escalation policy that no live incident is escalated by. For admins."""
        policies.delete_policy(actor=self.actor, policy_id=self.find(name).pk)
        return Response(v1.resource("Status", status="deleted", name=name))


def _arguments(asked: dict[str, Any], workspace: Workspace) -> dict[str, Any]:
    """What the service takes for the whole of a policy: what is left out is as in a new one."""
    definition = definition_of(asked, Finder(workspace.pk).id_of)
    return {
        "definition": definition,
        "description": asked.get("description", ""),
        "severities": asked.get("severities", []),
        "enabled": asked.get("enabled", True),
        "is_default": asked.get("defaultPolicy", False),
    }


@contextmanager
def in_levels() -> Iterator[None]:
    """The core's refusals speak of steps; say them of levels."""
    try:
        yield
    except InvalidInput as refused:
        location = tuple(WORDS.get(part, part) if isinstance(part, str) else part for part in refused.location)
        raise InvalidInput.at(location, refused.complaint) from refused


def _metadata(policy: EscalationPolicy) -> dict[str, Any]:
    return {
        "name": policy.name,
        "namespace": NAMESPACE,
        "uid": f"pol-{policy.pk:08x}",
        "createdAt": policy.created_at,
        "creationTimestamp": policy.created_at,
    }


def _described(rows: Sequence[EscalationPolicy], now: datetime) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Spec and status of each policy, in a constant number of queries."""
    definitions = {policy.pk: policy.version.definition for policy in rows if policy.version is not None}
    called = names(definitions.values())
    active = _active(rows)
    counted = EscalationRun.objects.filter(version__policy__in=rows).values("version__policy").annotate(n=Count("pk"))
    totals = dict(counted.values_list("version__policy", "n"))
    described = []
    for policy in rows:
        spec = {
            "description": policy.description,
            "enabled": policy.enabled,
            "defaultPolicy": policy.is_default,
            "severities": policy.severities,
            **levels_of(definitions[policy.pk], lambda kind, pk: called.get((kind, pk), GONE)),
        }
        status = {
            "version": policy.version.number if policy.version else 0,
            "activeEscalations": active[policy.pk],
            "totalEscalations": totals.get(policy.pk, 0),
        }
        described.append((spec, status))
    return described


def _active(rows: Sequence[EscalationPolicy]) -> dict[int, list[dict[str, Any]]]:
    """Per policy, the escalations that are on, newest first; of live incidents only, which an index knows."""
    runs = EscalationRun.objects.filter(
        version__policy__in=rows,
        state__in=GOING_ON,
        incident__status__in=LIVE,
        incident__workspace__in={policy.workspace_id for policy in rows},
    )
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for run in runs.select_related("incident", "version").order_by("-pk")[:MOST_ACTIVE]:
        if run.version is not None:
            found[run.version.policy_id].append(
                {
                    "issueName": run.incident.name,
                    "currentLevel": run.level,
                    "escalatedAt": run.level_at,
                    "acknowledgedAt": run.incident.acknowledged_at,
                    "acknowledgedBy": run.incident.acknowledged_by or None,
                }
            )
    return found
