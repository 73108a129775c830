"""The client API: ``/incidents…`` and ``/webhook/dead-letter``."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from aiops.api.client import ClientView
from aiops.api.params import whole_number
from aiops.api.schema import query
from aiops.api.views import NothingHere
from aiops.kernel.errors import NotFound
from incidents.core import selectors
from incidents.core.filters import IncidentFilterSet, WordFilter, described, narrow, severity_words
from incidents.core.models import Incident
from incidents.response.api import states
from incidents.response.api.client import dead_letters, vocab
from incidents.response.api.client.serializers import (
    AcknowledgeIn,
    CommandOut,
    DeadLettersOut,
    DetailOut,
    IncidentDetail,
    IncidentItem,
    IncidentListOut,
    NotedOut,
    NoteIn,
    NoteOut,
    ResolveIn,
    SnoozeIn,
    TimelineOut,
    timeline,
)
from incidents.response.services import incidents

LIMIT, MAX_LIMIT = 20, 100
DEAD_LETTERS, MAX_DEAD_LETTERS = 100, 1000


class ClientFilters(IncidentFilterSet):
    status = None
    state = WordFilter(states.words_to_q(vocab.STATES))
    severity = WordFilter(severity_words(vocab.SEVERITIES))
    workspace_id = django_filters.CharFilter(field_name="workspace__slug")


class IncidentView(ClientView):
    """Base of the views about one incident."""

    def find(self, reference: str) -> Incident:
        """By id or name, in the workspace asked for."""
        return selectors.incident_for(self.actor, reference, self.params.get("workspace_id", ""))

    def act(self, reference: str, verb: Callable[..., Incident], **facts: Any) -> Response:
        """Do *verb* to the incident and show it as it is then."""
        incident = self.find(reference)
        return self.done(verb(actor=self.actor, incident_id=incident.pk, now=self.now, **facts))

    def done(self, incident: Incident, **more: Any) -> Response:
        return Response({"ok": True, "incident": IncidentDetail(incident, context={"now": self.now}).data, **more})


def command(summary: str, request: type[Serializer] | None = None, response: type[Serializer] = CommandOut) -> Any:
    """How a command stands in the schema."""
    return extend_schema(summary=summary, request=request, responses={HTTPStatus.OK: response})


class Incidents(ClientView):
    @extend_schema(
        summary="List incidents, newest first",
        parameters=[*described(ClientFilters), query("limit", "1 to 100; default 20.", int)],
        responses=IncidentListOut,
    )
    def get(self, request: Request) -> Response:
        limit = whole_number(self.params, "limit", LIMIT, 1, MAX_LIMIT)
        found = narrow(ClientFilters, self.params, selectors.listing(self.actor), self.now)[:limit]
        items = IncidentItem(found, many=True, context={"now": self.now}).data
        return Response({"incidents": items, "count": len(items)})


class OneIncident(IncidentView):
    @extend_schema(summary="One incident", responses=DetailOut)
    def get(self, request: Request, reference: str) -> Response:
        incident = self.find(reference)
        return Response(DetailOut(incident, context={"now": self.now}).data)


class Timeline(IncidentView):
    @extend_schema(summary="What happened, oldest first", responses=TimelineOut)
    def get(self, request: Request, reference: str) -> Response:
        incident = self.find(reference)
        return Response(timeline(incident, selectors.timeline(incident)))


class Acknowledge(IncidentView):
    @command("Somebody has it", AcknowledgeIn)
    def post(self, request: Request, reference: str) -> Response:
        return self.act(reference, incidents.acknowledge, **self.body(AcknowledgeIn))


class Unacknowledge(IncidentView):
    @command("Nobody has it any more")
    def post(self, request: Request, reference: str) -> Response:
        return self.act(reference, incidents.unacknowledge)


class Snooze(IncidentView):
    @command("Be silent about it for a while", SnoozeIn)
    def post(self, request: Request, reference: str) -> Response:
        return self.act(reference, incidents.snooze, **self.body(SnoozeIn))


class Unsnooze(IncidentView):
    @command("End the silence now")
    def post(self, request: Request, reference: str) -> Response:
        return self.act(reference, incidents.unsnooze)


class Resolve(IncidentView):
    @command("It is over", ResolveIn)
    def post(self, request: Request, reference: str) -> Response:
        return self.act(reference, incidents.resolve, resolution=self.body(ResolveIn).get("resolution") or "")


class Reopen(IncidentView):
    @command("It is not over")
    def post(self, request: Request, reference: str) -> Response:
        return self.act(reference, incidents.reopen)


class Notes(IncidentView):
    @command("Write something down", NoteIn, NotedOut)
    def post(self, request: Request, reference: str) -> Response:
        content = self.body(NoteIn)["content"]
        incident = self.find(reference)
        note = incidents.add_note(actor=self.actor, incident_id=incident.pk, now=self.now, content=content)
        return self.done(incident, note=NoteOut(note).data)


class DeadLetters(ClientView):
    @extend_schema(
        summary="Alerts that could not be understood, newest first",
        parameters=[query("limit", "1 to 1000; default 100.", int)],
        responses=DeadLettersOut,
    )
    def get(self, request: Request) -> Response:
        limit = whole_number(self.params, "limit", DEAD_LETTERS, 1, MAX_DEAD_LETTERS)
        found = dead_letters.entries(self.actor, limit)
        return Response({"entries": found, "count": len(found)})


class NoSuchIncident(NothingHere, ClientView):
    """What stands where an id stands, but is none."""

    def nothing(self, request: Request, **kwargs: Any) -> NotFound:
        return NotFound("Incident not found")
