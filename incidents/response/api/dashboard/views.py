"""Views of the dashboard dialect: ``/api/alerts/incidents…``."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q
from rest_framework.request import Request
from rest_framework.response import Response

from aiops.api.dashboard import DashboardView
from aiops.api.params import whole_number
from aiops.api.schema import WORKSPACE, operation, part, query
from aiops.api.views import NothingHere
from aiops.kernel.errors import InvalidInput, NotFound
from incidents.choices import Status
from incidents.core import counting, selectors
from incidents.core.filters import IncidentFilterSet, WordFilter, described, narrow, severity_words
from incidents.core.lifecycle import TRANSITIONS, TransitionRefused
from incidents.core.models import Incident
from incidents.ids import REFERENCE_PATTERN
from incidents.response.api.dashboard import examples, vocab
from incidents.response.api.dashboard.serializers import IncidentListOut, NoteIn, OneIncidentOut, StatusIn, shown
from incidents.response.api.facts import DEFAULT_RESOLUTION
from incidents.response.services import incidents

LIMIT = 50
MAX_LIMIT = 500  # a larger limit is taken as this

PAGE_PARAMETERS = [
    query("limit", f"How many incidents, at most {MAX_LIMIT}. Default {LIMIT}.", int),
    query("skip", "How many of the newest incidents to leave out. Default 0.", int),
]


class DashboardFilters(IncidentFilterSet):
    status = WordFilter({word: Q(status=status) for status, word in vocab.STATUSES.items()})
    severity = WordFilter(severity_words(vocab.SEVERITIES))
    ruleId = django_filters.CharFilter(field_name="metric__rule_id")


REFERENCE = part(
    "reference", "The incident's id (`inc-0000002a`) or its name (`INC-20260319-001`).", pattern=REFERENCE_PATTERN
)


class IncidentView(DashboardView):
    """Base of the views about one incident."""

    parameters = (REFERENCE, WORKSPACE)

    def find(self, reference: str) -> Incident:
        """By id or name, in the workspace asked for."""
        return selectors.incident_for(self.actor, reference, self.params.get("workspace_id", ""))

    def answer(self, incident: Incident) -> Response:
        return Response({"incident": shown([incident], self.now)[0]})


class Incidents(DashboardView):
    @operation(
        "List incidents",
        parameters=[*described(DashboardFilters), *PAGE_PARAMETERS],
        answer=IncidentListOut,
        answered=examples.LISTED,
    )
    def get(self, request: Request) -> Response:
        """The incidents that the person may see, newest first, with their notes and their history."""
        limit = min(whole_number(self.params, "limit", LIMIT, 0), MAX_LIMIT)
        skip = whole_number(self.params, "skip", 0, 0)
        everything = selectors.listing(self.actor)
        found = narrow(DashboardFilters, self.params, everything, self.now)[skip : skip + limit]
        open_count = counting.total(everything.filter(status=Status.OPEN))
        return Response({"incidents": shown(list(found), self.now), "openCount": open_count})


class OneIncident(IncidentView):
    @operation("Get an incident", answer=OneIncidentOut, answered=examples.ONE)
    def get(self, request: Request, reference: str) -> Response:
        """One incident with its notes and its history."""
        return self.answer(self.find(reference))

    @operation(
        "Change the status of an incident",
        request=StatusIn,
        sent={"status": "acknowledged"},
        answer=OneIncidentOut,
        answered=examples.ONE,
    )
    def patch(self, request: Request, reference: str) -> Response:
        """Acknowledge, investigate, resolve, close or reopen an incident, by the status that it shall have."""
        wanted = self.body(StatusIn)["status"]
        incident = self.find(reference)
        try:
            changed = incidents.change_status(
                actor=self.actor, incident_id=incident.pk, wanted=wanted, now=self.now, resolution=DEFAULT_RESOLUTION
            )
        except TransitionRefused as refused:
            raise not_from_here(refused, wanted) from refused
        return self.answer(changed)


class Notes(IncidentView):
    @operation(
        "Add a note to an incident",
        request=NoteIn,
        sent={"content": "Identified root cause: upstream provider rate limiting"},
        answer=OneIncidentOut,
        answered=examples.ONE,
    )
    def post(self, request: Request, reference: str) -> Response:
        """Write a note into the timeline of an incident, under the name of the person who is signed in."""
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
