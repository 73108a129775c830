"""The assignment message: one message to the person to whom an incident was assigned, by their first contact rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from aiops.access.actors import ActorRef
from incidents.choices import LIVE, Priority, Severity
from incidents.core.events import IncidentFact
from incidents.core.models import Incident
from notifications.choices import Purpose, Rank, TargetKind, Urgency
from notifications.delivery.intents import Intent
from notifications.delivery.models import Delivery
from notifications.delivery.selectors.recipients import RecipientResolver
from notifications.delivery.services import deliveries
from notifications.delivery.services.mailboxes import account_mailboxes
from notifications.delivery.target import Target


def notify(facts: Sequence[IncidentFact], now: datetime) -> int:
    """Tell the people whose these incidents are now; returns how many messages that is.

    Nobody is told of what they took themselves, of what has ended, or of what is suppressed.
    """
    actors = {fact.incident_id: fact.actor for fact in facts}
    live = Incident.objects.filter(pk__in=actors, status__in=LIVE, suppressed_by__isnull=True, assignee__isnull=False)
    intents = [_intent(incident, actors[incident.pk], now) for incident in live.order_by("pk")]
    return deliveries.intend([intent for intent in intents if intent is not None], now)


def _intent(incident: Incident, actor: ActorRef, now: datetime) -> Intent | None:
    user_id = incident.assignee_id or 0
    if actor.user_id == user_id:
        return None
    high = incident.priority <= Priority.P2 or incident.severity >= Severity.HIGH
    urgency = Urgency.HIGH if high else Urgency.LOW
    target = Target(TargetKind.USER, user_id)
    recipients = RecipientResolver([target], now).recipients([target], incident.workspace_id, urgency)
    call = min(recipients.calls, key=lambda each: each.at, default=None)
    earlier = Delivery.objects.filter(incident=incident, episode=incident.episode, purpose=Purpose.ASSIGNED)
    about = Intent(
        workspace_id=incident.workspace_id,
        incident_id=incident.pk,
        episode=incident.episode,
        round=earlier.count(),  # it may come back to the same person
        purpose=Purpose.ASSIGNED,
        recipient_id=user_id,
        urgency=urgency,
        rank=Rank.PAGE,
        data={"who": actor.label},
        due_at=now,
        suppressed="" if call else "; ".join(recipients.missed) or "nothing reaches them",
    )
    if call is None:
        return about
    where = call.destination_id or account_mailboxes({user_id}, now).get(user_id)
    data = {**about.data, **({"note": call.note} if call.note else {})}
    return replace(about, destination_id=where, kind=call.kind, due_at=call.at, data=data)
