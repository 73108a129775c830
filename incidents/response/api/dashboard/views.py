"""The dashboard: ``/api/alerts/incidents…``."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import django_filters
from django.db.models import Q
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from aiops.api.dashboard import DashboardView
from aiops.api.params import whole_number
from aiops.api.schema import query
from aiops.api.views import NothingHere
from aiops.kernel.errors import InvalidInput, NotFound
from incidents.choices import Status
from incidents.core import counting, selectors
from incidents.core.filters import IncidentFilterSet, WordFilter, described, narrow, severity_words
from incidents.core.lifecycle import TRANSITIONS, TransitionRefused
from incidents.core.models import Incident
from incidents.response.api.dashboard import vocab
from incidents.response.api.dashboard.serializers import IncidentListOut, NoteIn, OneIncidentOut, StatusIn, shown
from incidents.response.services import incidents

LIMIT = 50
MAX_LIMIT = 500  # a larger limit is taken as this

PAGING = [
    query("limit", f"At most so many; default {LIMIT}, more than {MAX_LIMIT} is taken as {MAX_LIMIT}.", int),
    query("skip", "Leave out so many; default 0.", int),
]


class DashboardFilters(IncidentFilterSet):
    status = WordFilter({word: Q(status=status) for status, word in vocab.STATUSES.items()})
    severity = WordFilter(severity_words(vocab.SEVERITIES))
    ruleId = django_filters.CharFilter(field_name="metric__rule_id")


class IncidentView(DashboardView):
    """Base of the views about one incident."""

    def find(self, reference: str) -> Incident:
        """By id or name, in the workspace asked for."""
        return selectors.incident_for(self.actor, reference, self.params.get("workspace_id", ""))

    def answer(self, incident: Incident) -> Response:
        return Response({"incident": shown([incident], self.now)[0]})


class Incidents(DashboardView):
    @extend_schema(
        summary="List incidents, newest first",
        parameters=[*described(DashboardFilters), *PAGING],
        responses=IncidentListOut,
    )
    def get(self, request: Request) -> Response:
        limit = min(whole_number(self.params, "limit", LIMIT, 0), MAX_LIMIT)
        skip = whole_number(self.params, "skip", 0, 0)
        everything = selectors.listing(self.actor)
        found = narrow(DashboardFilters, self.params, everything, self.now)[skip : skip + limit]
        open_count = counting.total(everything.filter(status=Status.OPEN))
        return Response({"incidents": shown(list(found), self.now), "openCount": open_count})


class OneIncident(IncidentView):
    @extend_schema(summary="One incident", responses=OneIncidentOut)
    def get(self, request: Request, reference: str) -> Response:
        return self.answer(self.find(reference))

    @extend_schema(summary="Change its status", request=StatusIn, responses={HTTPStatus.OK: OneIncidentOut})
    def patch(self, request: Request, reference: str) -> Response:
        wanted = self.body(StatusIn)["status"]
        incident = self.find(reference)
        try:
            changed = incidents.change_status(actor=self.actor, incident_id=incident.pk, wanted=wanted, now=self.now)
        except TransitionRefused as refused:
            raise not_from_here(refused, wanted) from refused
        return self.answer(changed)


class Notes(IncidentView):
    @extend_schema(summary="Add a note", request=NoteIn, responses={HTTPStatus.OK: OneIncidentOut})
    def post(self, request: Request, reference: str) -> Response:
        content = self.body(NoteIn)["content"]
        incident = self.find(reference)
        incidents.add_note(actor=self.actor, incident_id=incident.pk, now=self.now, content=content)
        return self.answer(self.find(reference))


class NoSuchIncident(NothingHere, DashboardView):
    """What stands where an id stands, but is none."""

    def nothing(self, request: Request, **kwargs: Any) -> NotFound:
        return NotFound("Incident not found")


def not_from_here(refused: TransitionRefused, wanted: Status) -> InvalidInput:
    """A refused transition: to this dialect a status that is not valid now, told with those that are."""
    allowed = [vocab.STATUSES[TRANSITIONS[action][1]] for action in refused.allowed]
    return InvalidInput(
        f'Cannot transition from "{vocab.STATUSES[refused.status]}" to "{vocab.STATUSES[wanted]}". '
        f"Allowed: {', '.join(allowed)}",
        field="status",
    )
