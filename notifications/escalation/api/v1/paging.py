"""Views of an incident's paging in v1: its messages, its escalation, and the verb *escalate*."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from aiops.api import v1
from aiops.api.schema import operation
from aiops.api.v1 import Page
from incidents.core.models import Incident
from incidents.response.api.v1.examples import INCIDENT, listed
from incidents.response.api.v1.fields import shown_namespace
from incidents.response.api.v1.serializers import IncidentOut
from incidents.response.api.v1.views import PAGE_PARAMETERS, IncidentView
from incidents.response.services import incidents
from notifications.delivery.models import Delivery
from notifications.escalation.api.v1 import examples
from notifications.escalation.api.v1.serializers import NONE, EscalateIn, EscalationOut, NotificationListOut
from notifications.escalation.models import EscalationRun
from notifications.escalation.selectors.next_steps import spoken


class Notifications(IncidentView):
    @operation(
        "List notifications of an incident",
        parameters=PAGE_PARAMETERS,
        answer=NotificationListOut,
        answered=listed("NotificationList", examples.NOTIFICATION),
    )
    def get(self, request: Request, name: str) -> Response:
        """Every message about an incident, newest first, from intent to receipt."""
        page = Page.asked(self.params)
        rows = Delivery.objects.filter(incident=self.find(name)).order_by("-pk")
        items = [self.item(row) for row in page.of(rows.select_related("destination", "recipient"))]
        return Response(NotificationListOut(v1.listing("NotificationList", items, rows.count(), page)).data)

    def item(self, delivery: Delivery) -> dict[str, Any]:
        """One message. What a person's own destination is called is theirs to know."""
        destination, recipient = delivery.destination, delivery.recipient
        may_know = destination is not None and (
            destination.owner_id is None or str(destination.owner_id) == self.actor.id
        )
        return {
            "name": delivery.public_id,
            "purpose": delivery.purpose,
            "channel": delivery.kind,
            "destination": destination.label if destination is not None and may_know else None,
            "recipient": recipient.display_name if recipient else None,
            "level": delivery.step if delivery.step >= 0 else None,
            "state": delivery.state,
            "reason": delivery.reason,
            "attempts": delivery.attempts,
            "maybeTwice": delivery.maybe_twice,
            "createdAt": delivery.created_at,
            "sentAt": delivery.sent_at,
            "deliveredAt": delivery.delivered_at,
            "readAt": delivery.read_at,
        }


class Escalation(IncidentView):
    @operation("Get the escalation of an incident", answer=EscalationOut, answered=examples.ESCALATION)
    def get(self, request: Request, name: str) -> Response:
        """How far the escalation of the incident's present episode is, and its next step."""
        incident = self.find(name)
        runs = EscalationRun.objects.filter(incident=incident, episode=incident.episode)
        run = runs.select_related("version__policy").first()
        metadata = {"name": incident.name, "namespace": shown_namespace(incident)}
        body = v1.resource("IncidentEscalation", metadata=metadata, spec=_spec(run), status=self.status(incident, run))
        return Response(EscalationOut(body).data)

    def status(self, incident: Incident, run: EscalationRun | None) -> dict[str, Any]:
        levels = _spec(run)["levels"]
        level = run.level if run else None
        return {
            "state": run.state if run else NONE,
            "reason": run.reason if run else "",
            "currentLevel": level,
            "levelName": levels[level] if level is not None and level < len(levels) else None,
            "startedAt": run.started_at if run else None,
            "escalatedAt": run.level_at if run else None,
            "nextStepAt": run.next_step_at if run else None,
            "nextStep": spoken([incident.pk], now=self.now).get(incident.pk),
            "acknowledgedAt": incident.acknowledged_at,
            "acknowledgedBy": incident.acknowledged_by or None,
        }


class Escalate(IncidentView):
    @operation(
        "Escalate an incident",
        request=EscalateIn,
        sent={"reason": "Two more services are down"},
        answer=IncidentOut,
        answered=INCIDENT,
    )
    def post(self, request: Request, name: str) -> Response:
        """Page the next level of the policy at once. An acknowledgement is taken back, and a snooze ends."""
        return self.shown(self.act(name, incidents.escalate, **self.body(EscalateIn)))


def _spec(run: EscalationRun | None) -> dict[str, Any]:
    version = run.version if run else None
    if version is None:
        return {"policy": None, "version": None, "levels": []}
    levels = [step["name"] or f"Level {n}" for n, step in enumerate(version.definition["steps"], 1)]
    return {"policy": version.policy.name, "version": version.number, "levels": levels}
