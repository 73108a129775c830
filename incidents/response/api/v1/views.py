"""v1: ``/api/v1/incidents…``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

import django_filters
from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from aiops.api import v1
from aiops.api.schema import query
from aiops.api.v1 import Page, V1View
from aiops.api.views import NothingHere
from aiops.kernel import slots
from aiops.kernel.errors import Conflict, NotFound
from incidents.choices import Status
from incidents.core import counting, selectors
from incidents.core.filters import IncidentFilterSet, WordFilter, described, narrow, severity_words
from incidents.core.lifecycle import TransitionRefused
from incidents.core.models import Incident
from incidents.querysets import IncidentQuerySet
from incidents.response.api import states
from incidents.response.api.v1 import vocab
from incidents.response.api.v1.annotations import at
from incidents.response.api.v1.fields import shown_namespace
from incidents.response.api.v1.serializers import (
    AcknowledgeIn,
    IncidentItem,
    IncidentListOut,
    IncidentOut,
    RemediationListOut,
    ResolvedOut,
    ResolveIn,
    SnoozeIn,
    TimelineOut,
)
from incidents.response.api.v1.timeline import event
from incidents.response.services import incidents

NAMESPACE = query("namespace", "Exactly this namespace; omitted: any.")
PAGING = [query("page", "From 1; default 1.", int), query("pageSize", "1 to 100; default 20.", int)]


class V1Filters(IncidentFilterSet):
    status = None
    state = WordFilter(states.words_to_q(vocab.STATES) | {vocab.NEVER: Q(pk__in=())})
    severity = WordFilter(severity_words(vocab.SEVERITIES))
    namespace = django_filters.CharFilter(method="in_namespace")

    def in_namespace(self, queryset: IncidentQuerySet, name: str, value: str) -> IncidentQuerySet:
        """What lies in no namespace is shown in ``default``."""
        values = (value, "") if value == vocab.DEFAULT_NAMESPACE else (value,)
        return queryset.filter(namespace__in=values)


def context(incidents: Sequence[Incident], now: datetime) -> dict[str, Any]:
    """What the shapes of these incidents need to know."""
    ids = [incident.pk for incident in incidents]
    return {"now": now, "annotations": slots.load("incident.v1_annotations", ids, now=now)}


class IncidentView(V1View):
    """Base of the views about one incident."""

    def find(self, name: str) -> Incident:
        """By name or id, in the namespace asked for; raises ``NotFound`` in the contract's words."""
        namespace = self.params.get("namespace", "").strip()
        try:
            incident = selectors.incident_for(self.actor, name, self.params.get("workspace_id", ""))
        except NotFound:
            raise missing(name, namespace) from None
        if namespace and shown_namespace(incident) != namespace:
            raise missing(name, namespace)
        return incident

    def act(self, name: str, verb: Callable[..., Incident], **facts: Any) -> Incident:
        """Do *verb* to the incident; a refused transition is told with who was there before, and when."""
        incident = self.find(name)
        try:
            return verb(actor=self.actor, incident_id=incident.pk, now=self.now, **facts)
        except TransitionRefused as refused:
            raise Conflict(refused.message, details=earlier(self.find(name), refused)) from refused

    def shown(self, incident: Incident) -> Response:
        """The whole object."""
        return Response(IncidentOut(incident, context=context([incident], self.now)).data)


def missing(name: str, namespace: str) -> NotFound:
    """The contract's 404."""
    where = namespace or vocab.DEFAULT_NAMESPACE
    return NotFound("Incident not found", details=f"No incident named '{name}' found in namespace '{where}'")


def earlier(incident: Incident, refused: TransitionRefused) -> str:
    """Why a transition was refused: what happened before, by whom and when."""
    told = f"The incident '{incident.name}' was already"
    if incident.resolved_at:
        return f"{told} resolved at {at(incident.resolved_at)}"
    if incident.status != Status.OPEN and incident.acknowledged_at:
        return f"{told} acknowledged by {incident.acknowledged_by} at {at(incident.acknowledged_at)}"
    return refused.details


class Incidents(V1View):
    @extend_schema(
        summary="List incidents, newest first", parameters=[*described(V1Filters), *PAGING], responses=IncidentListOut
    )
    def get(self, request: Request) -> Response:
        page = Page.asked(self.params)
        found = narrow(V1Filters, self.params, selectors.listing(self.actor), self.now)
        rows = list(page.of(found))
        items = IncidentItem(rows, many=True, context=context(rows, self.now)).data
        return Response(v1.listing("IncidentList", items, counting.total(found), page))


class OneIncident(IncidentView):
    @extend_schema(summary="One incident", parameters=[NAMESPACE], responses=IncidentOut)
    def get(self, request: Request, name: str) -> Response:
        return self.shown(self.find(name))


class Acknowledge(IncidentView):
    @extend_schema(
        summary="Somebody has it", parameters=[NAMESPACE], request=AcknowledgeIn, responses={HTTPStatus.OK: IncidentOut}
    )
    def post(self, request: Request, name: str) -> Response:
        return self.shown(self.act(name, incidents.acknowledge, **self.body(AcknowledgeIn)))


class Snooze(IncidentView):
    @extend_schema(
        summary="Be silent about it for a while",
        parameters=[NAMESPACE],
        request=SnoozeIn,
        responses={HTTPStatus.OK: IncidentOut},
    )
    def post(self, request: Request, name: str) -> Response:
        facts = self.body(SnoozeIn)
        return self.shown(self.act(name, incidents.snooze, **facts))


class Unsnooze(IncidentView):
    @extend_schema(
        summary="End the silence now", parameters=[NAMESPACE], request=None, responses={HTTPStatus.OK: IncidentOut}
    )
    def post(self, request: Request, name: str) -> Response:
        return self.shown(self.act(name, incidents.unsnooze))


class Resolve(IncidentView):
    @extend_schema(
        summary="It is over", parameters=[NAMESPACE], request=ResolveIn, responses={HTTPStatus.OK: ResolvedOut}
    )
    def post(self, request: Request, name: str) -> Response:
        resolution = self.body(ResolveIn).get("resolution") or ""
        incident = self.act(name, incidents.resolve, resolution=resolution)
        return Response(ResolvedOut(incident, context=context([incident], self.now)).data)


class Timeline(IncidentView):
    @extend_schema(summary="What happened, oldest first", parameters=[NAMESPACE], responses=TimelineOut)
    def get(self, request: Request, name: str) -> Response:
        incident = self.find(name)
        events = [event(entry) for entry in selectors.timeline(incident)]
        metadata = {"name": incident.name, "namespace": shown_namespace(incident), "eventCount": len(events)}
        return Response(v1.resource("IncidentTimeline", metadata=metadata, events=events))


class Remediation(IncidentView):
    @extend_schema(summary="Attempts to repair it", parameters=[NAMESPACE, *PAGING], responses=RemediationListOut)
    def get(self, request: Request, name: str) -> Response:
        page = Page.asked(self.params)
        self.find(name)
        return Response(v1.listing("RemediationPlanList", [], 0, page))


class NoSuchIncident(NothingHere, V1View):
    """What stands where a name stands, but is none."""

    def nothing(self, request: Request, **kwargs: str) -> NotFound:
        return missing(kwargs["name"], self.params.get("namespace", "").strip())
