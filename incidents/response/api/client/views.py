"""Views of the client dialect: ``/incidents…`` and ``/webhook/dead-letter``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import django_filters
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from aiops.api.client import ClientView
from aiops.api.params import whole_number
from aiops.api.schema import WORKSPACE, operation, part, query
from aiops.api.views import NothingHere
from aiops.kernel.errors import NotFound
from incidents.core import selectors
from incidents.core.filters import IncidentFilterSet, WordFilter, described, narrow, severity_words
from incidents.core.models import Incident
from incidents.ids import REFERENCE_PATTERN
from incidents.response.api import states
from incidents.response.api.client import dead_letters, examples, vocab
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
from incidents.response.api.facts import DEFAULT_RESOLUTION
from incidents.response.services import incidents

LIMIT, MAX_LIMIT = 20, 100
DEAD_LETTERS, MAX_DEAD_LETTERS = 100, 1000


class ClientFilters(IncidentFilterSet):
    status = None  # type: ignore[assignment]
    state = WordFilter(states.words_to_q(vocab.STATES))
    severity = WordFilter(severity_words(vocab.SEVERITIES))
    workspace_id = django_filters.CharFilter(field_name="workspace__slug")


REFERENCE = part(
    "reference", "The incident's id (`inc-0000002a`) or its name (`INC-20260319-001`).", pattern=REFERENCE_PATTERN
)


class IncidentView(ClientView):
    """Base of the views about one incident."""

    parameters = (*ClientView.parameters, REFERENCE, WORKSPACE)

    def find(self, reference: str) -> Incident:
        """By id or name, in the workspace asked for."""
        return selectors.incident_for(self.actor, reference, self.params.get("workspace_id", ""))

    def act(self, reference: str, verb: Callable[..., Incident], **facts: Any) -> Response:
        """Do *verb* to the incident and show it as it is then."""
        incident = self.find(reference)
        return self.done(verb(actor=self.actor, incident_id=incident.pk, now=self.now, **facts))

    def done(self, incident: Incident, **more: Any) -> Response:
        return Response({"ok": True, "incident": IncidentDetail(incident, context={"now": self.now}).data, **more})


def command(
    summary: str,
    changes: dict[str, Any],
    request: type[Serializer] | None = None,
    sent: Any = None,
    answer: type[Serializer] = CommandOut,
    **more: Any,
) -> Any:
    """How a command stands in the schema; *changes* are the fields that the example's incident has after it."""
    answered = examples.changed(**changes) | more
    return operation(summary, request=request, sent=sent, answer=answer, answered=answered)


class Incidents(ClientView):
    @operation(
        "List incidents",
        parameters=[*described(ClientFilters), query("limit", "How many incidents, 1 to 100. Default 20.", int)],
        answer=IncidentListOut,
        answered=examples.LISTED,
    )
    def get(self, request: Request) -> Response:
        """The incidents that the key may see, newest first. `before` leads to the next page."""
        limit = whole_number(self.params, "limit", LIMIT, 1, MAX_LIMIT)
        found = narrow(ClientFilters, self.params, selectors.listing(self.actor), self.now)[:limit]
        items = IncidentItem(found, many=True, context={"now": self.now}).data
        return Response({"incidents": items, "count": len(items)})


class OneIncident(IncidentView):
    @operation("Get an incident", answer=DetailOut, answered=examples.ONE)
    def get(self, request: Request, reference: str) -> Response:
        """One incident with its labels, and how long people took, in minutes."""
        incident = self.find(reference)
        return Response(DetailOut(incident, context={"now": self.now}).data)


class Timeline(IncidentView):
    @operation("Get the timeline of an incident", answer=TimelineOut, answered=examples.TIMELINE)
    def get(self, request: Request, reference: str) -> Response:
        """The record of one incident, oldest entry first; at most the latest 1000 entries."""
        incident = self.find(reference)
        return Response(timeline(incident, selectors.timeline(incident)))


class Acknowledge(IncidentView):
    @command(
        "Acknowledge an incident",
        examples.TAKEN,
        AcknowledgeIn,
        {"by": "dave", "message": "Looking at the new release"},
    )
    def post(self, request: Request, reference: str) -> Response:
        """Take an open incident. Its escalation stops in the same transaction."""
        return self.act(reference, incidents.acknowledge, **self.body(AcknowledgeIn))


class Unacknowledge(IncidentView):
    @command("Unacknowledge an incident", {})
    def post(self, request: Request, reference: str) -> Response:
        """Give an incident back. It is open again, and its escalation goes on at once."""
        return self.act(reference, incidents.unacknowledge)


class Snooze(IncidentView):
    @command(
        "Snooze an incident",
        {"snoozed_until": "2025-01-15T13:00:00Z"},
        SnoozeIn,
        {"duration": "2h30m", "reason": "Waiting for the vendor"},
    )
    def post(self, request: Request, reference: str) -> Response:
        """Page nobody about a live incident until the time is over: give one of `duration`, `minutes` and `until`."""
        return self.act(reference, incidents.snooze, **self.body(SnoozeIn))


class Unsnooze(IncidentView):
    @command("Unsnooze an incident", {})
    def post(self, request: Request, reference: str) -> Response:
        """End the snooze of an incident now. Its escalation goes on."""
        return self.act(reference, incidents.unsnooze)


class Resolve(IncidentView):
    @command("Resolve an incident", examples.OVER, ResolveIn, {"resolution": "Rolled back v2.4.0"})
    def post(self, request: Request, reference: str) -> Response:
        """End a live incident. Everybody who was notified hears it once."""
        resolution = (self.body(ResolveIn).get("resolution") or "").strip() or DEFAULT_RESOLUTION
        return self.act(reference, incidents.resolve, resolution=resolution)


class Reopen(IncidentView):
    @command("Reopen an incident", {})
    def post(self, request: Request, reference: str) -> Response:
        """Make a resolved or closed incident open again. A new escalation begins."""
        return self.act(reference, incidents.reopen)


class Notes(IncidentView):
    @command(
        "Add a note to an incident",
        {},
        NoteIn,
        {"content": examples.NOTE["content"]},
        NotedOut,
        note=examples.NOTE,
    )
    def post(self, request: Request, reference: str) -> Response:
        """Write a note into the timeline of an incident."""
        content = self.body(NoteIn)["content"]
        incident = self.find(reference)
        note = incidents.add_note(actor=self.actor, incident_id=incident.pk, now=self.now, content=content)
        return self.done(incident, note=NoteOut(note).data)


class DeadLetters(ClientView):
    @operation(
        "List dead letters",
        parameters=[query("limit", "How many dead letters, 1 to 1000. Default 100.", int)],
        answer=DeadLettersOut,
        answered=examples.DEAD_LETTERS,
    )
    def get(self, request: Request) -> Response:
        """Requests of senders that could not be read, newest first, each with the reason. Secrets in them are hidden."""
        limit = whole_number(self.params, "limit", DEAD_LETTERS, 1, MAX_DEAD_LETTERS)
        found = dead_letters.entries(self.actor, limit)
        return Response({"entries": found, "count": len(found)})


class NoSuchIncident(NothingHere, ClientView):
    """What stands where an id stands, but is none."""

    def nothing(self, request: Request, **kwargs: Any) -> NotFound:
        return NotFound("Incident not found")
