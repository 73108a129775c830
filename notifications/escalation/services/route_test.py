"""The test of the routes: one real message to every destination that an incident of a service and severity would
notify.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiops.access.actors import Actor, Role
from aiops.kernel.errors import NotPermitted
from incidents.catalogue.models import Service
from incidents.choices import Severity
from notifications.delivery.models import Delivery
from notifications.delivery.services import destinations
from notifications.escalation.services import routes
from notifications.escalation.services.routes import Tried

MOST = 20  # destinations that one test writes to: it waits for each


@dataclass(frozen=True, slots=True)
class Tested:
    """What the routes made of it, and the deliveries as they are afterwards. *left_out* were too many for one test."""

    tried: list[Tried]
    deliveries: list[Delivery]
    left_out: int


def test_routes(*, actor: Actor, service: Service, severity: Severity, message: str, now: datetime) -> Tested:
    """Send *message* by the way of every message; returns when each destination has answered or failed. For operators."""
    if not actor.may(Role.OPERATOR, service.workspace_id):
        raise NotPermitted("Tests take the role operator or admin in the workspace.")
    tried = routes.dry_run(
        actor=actor, workspace_id=service.workspace_id, now=now, severity=severity, service_id=service.pk
    )
    led_to = {
        told.destination.pk: told.destination
        for one in tried
        if not one.why_not
        for told in one.destinations
        if not told.problem
    }
    data = {"severity": severity.word, "service": service.name}
    sent = [
        destinations.send_test(actor=actor, destination_id=pk, now=now, text=message, data=data)
        for pk in list(led_to)[:MOST]
    ]
    return Tested(tried, sent, max(0, len(led_to) - MOST))
