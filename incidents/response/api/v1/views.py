"""Views of v1: ``/api/v1/incidents…``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import django_filters
from django.db.models import Q
from rest_framework.request import Request
from rest_framework.response import Response

from aiops.api import v1
from aiops.api.schema import WORKSPACE, operation, part, query
from aiops.api.v1 import Page, V1View
from aiops.api.views import NothingHere
from aiops.kernel.errors import Conflict, NotFound
from incidents.choices import Status
from incidents.core import counting, selectors
from incidents.core.filters import IncidentFilterSet, WordFilter, described, narrow, severity_words
from incidents.core.lifecycle import TransitionRefused
from incidents.core.models import Incident
from incidents.ids import REFERENCE_PATTERN
from incidents.querysets import IncidentQuerySet
from incidents.response.api import states
from incidents.response.api.facts import DEFAULT_RESOLUTION
from incidents.response.api.v1 import examples, vocab
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
from incidents.response.slots import V1_ANNOTATIONS

NAMESPACE = query("namespace", "The incident must be in exactly this namespace. Omitted: any.")
NAME = part("name", "The incident's name (`INC-20260319-001`) or its id (`inc-0000002a`).", pattern=REFERENCE_PATTERN)
PAGE_PARAMETERS = [
    query("page", "The number of the page, from 1. Default 1.", int),
    query("pageSize", "How many items a page has, 1 to 100. Default 20.", int),
]


class V1Filters(IncidentFilterSet):
    status = None  # type: ignore[assignment]
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
    return {"now": now, "annotations": V1_ANNOTATIONS.load(ids, now=now)}


class IncidentView(V1View):
    """Base of the views about one incident."""

    parameters = (*V1View.parameters, NAME, NAMESPACE, WORKSPACE)
    samples = (
        NotFound("Incident not found", details="No incident named 'INC-20260319-999' found in namespace 'production'"),
        Conflict(
            "Incident already resolved",
            details="The incident 'INC-20260319-001' was already resolved at 2026-03-19T16:45:00Z",
        ),
    )

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
    @operation(
        "List incidents",
        parameters=[*described(V1Filters), *PAGE_PARAMETERS],
        answer=IncidentListOut,
        answered=examples.listed("IncidentList", examples.ITEM),
    )
    def get(self, request: Request) -> Response:
        """The incidents that the key may see, newest first, one page at a time."""
        page = Page.asked(self.params)
        found = narrow(V1Filters, self.params, selectors.listing(self.actor), self.now)
        rows = list(page.of(found))
        items = IncidentItem(rows, many=True, context=context(rows, self.now)).data
        return Response(v1.listing("IncidentList", list(items), counting.total(found), page))


class OneIncident(IncidentView):
    @operation("Get an incident", answer=IncidentOut, answered=examples.INCIDENT)
    def get(self, request: Request, name: str) -> Response:
        """One incident with its labels, its state and its annotations."""
        return self.shown(self.find(name))


class Acknowledge(IncidentView):
    @operation(
        "Acknowledge an incident",
        request=AcknowledgeIn,
        sent={"acknowledgedBy": "dave", "message": "Looking at the heap dumps"},
        answer=IncidentOut,
        answered=examples.INCIDENT,
    )
    def post(self, request: Request, name: str) -> Response:
        """Take an open incident. Its escalation stops in the same transaction, and its state stays."""
        return self.shown(self.act(name, incidents.acknowledge, **self.body(AcknowledgeIn)))


class Snooze(IncidentView):
    @operation(
        "Snooze an incident",
        request=SnoozeIn,
        sent={"duration": "2h30m", "reason": "Waiting for the vendor", "snoozedBy": "dave"},
        answer=IncidentOut,
        answered=examples.INCIDENT,
    )
    def post(self, request: Request, name: str) -> Response:
        """Page nobody about a live incident until the time is over. A snoozed incident may be snoozed anew."""
        facts = self.body(SnoozeIn)
        return self.shown(self.act(name, incidents.snooze, **facts))


class Unsnooze(IncidentView):
    @operation("Unsnooze an incident", answer=IncidentOut, answered=examples.INCIDENT)
    def post(self, request: Request, name: str) -> Response:
        """End the snooze of an incident now. Its escalation goes on."""
        return self.shown(self.act(name, incidents.unsnooze))


class Resolve(IncidentView):
    @operation(
        "Resolve an incident",
        request=ResolveIn,
        sent={"resolution": examples.RESOLUTION},
        answer=ResolvedOut,
        answered=examples.RESOLVED,
    )
    def post(self, request: Request, name: str) -> Response:
        """End a live incident. Everybody who was notified hears it once; the same alert opens a new incident."""
        resolution = (self.body(ResolveIn).get("resolution") or "").strip() or DEFAULT_RESOLUTION
        incident = self.act(name, incidents.resolve, resolution=resolution)
        return Response(ResolvedOut(incident, context=context([incident], self.now)).data)


class Timeline(IncidentView):
    @operation("Get the timeline of an incident", answer=TimelineOut, answered=examples.TIMELINE)
    def get(self, request: Request, name: str) -> Response:
        """The record of one incident, oldest entry first; at most the latest 1000 entries."""
        incident = self.find(name)
        events = [event(entry) for entry in selectors.timeline(incident)]
        metadata = {"name": incident.name, "namespace": shown_namespace(incident), "eventCount": len(events)}
        return Response(v1.resource("IncidentTimeline", metadata=metadata, events=events))


class Remediation(IncidentView):
    @operation(
        "List remediation plans of an incident",
        parameters=PAGE_PARAMETERS,
        answer=RemediationListOut,
        answered=examples.listed("RemediationPlanList"),
    )
    def get(self, request: Request, name: str) -> Response:
        """The attempts to repair the incident automatically; empty where nothing was tried."""
        page = Page.asked(self.params)
        self.find(name)
        return Response(v1.listing("RemediationPlanList", [], 0, page))


class NoSuchIncident(NothingHere, V1View):
    """What stands where a name stands, but is none."""

    def nothing(self, request: Request, **kwargs: str) -> NotFound:
        return missing(kwargs["name"], self.params.get("namespace", "").strip())
