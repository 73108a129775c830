"""The fallback of a policy: the destinations that are notified when no step is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db.models import Q

from notifications.choices import NOTIFIED, ON_ITS_WAY, Purpose, Rank, TargetKind, Urgency
from notifications.delivery.intents import Intent
from notifications.delivery.models import Delivery
from notifications.delivery.selectors.recipients import RecipientResolver, Recipients
from notifications.delivery.services import deliveries
from notifications.delivery.services.mailboxes import addressed
from notifications.delivery.services.outcomes import TRIES
from notifications.delivery.target import Target
from notifications.escalation.definition import Definition


def recipients(definition: Definition | None, workspace_id: int, urgency: Urgency, now: datetime) -> Recipients:
    """The policy's fallback destinations; where none of them can arrive, the admins of the workspace, by whatever reaches them.

    What is urgent goes everywhere at once. What is not keeps to their rules, and waits for the end of their quiet hours.
    """
    named = [Target(TargetKind.CHANNEL, pk) for pk in (definition.fallback if definition is not None else ())]
    found = RecipientResolver(named, now).recipients(named, workspace_id, urgency)
    if not found.works:
        last = admins(workspace_id, urgency, now)
        missed = [*found.missed, *found.warnings, *last.missed]
        found = replace(last if last.calls else found, missed=missed)
    if urgency == Urgency.HIGH:
        found.calls = [replace(call, at=now) for call in found.calls]
    return found


def admins(workspace_id: int, urgency: Urgency, now: datetime) -> Recipients:
    """How the admins of the workspace are told."""
    targets = [Target(TargetKind.ADMINS, workspace_id)]
    return RecipientResolver(targets, now).recipients(targets, workspace_id, urgency)


def undelivered(delivery: Delivery, incident_id: int, now: datetime) -> None:
    """A message to the policy's fallback will never arrive, or was tried in vain for the fourth time: where no other of this end
    has arrived or has still a chance, the admins hear it."""
    same_end = Delivery.objects.filter(
        incident_id=incident_id, episode=delivery.episode, round=delivery.round, purpose=Purpose.FALLBACK
    )
    has_a_chance = Q(state__in=NOTIFIED) | Q(state__in=ON_ITS_WAY, attempts__lt=TRIES)
    if delivery.recipient_id is not None or same_end.filter(has_a_chance).exists():
        return
    about = {"workspace_id": delivery.workspace_id, "incident_id": incident_id, "episode": delivery.episode}
    urgency = Urgency(delivery.urgency)
    reached = admins(delivery.workspace_id, urgency, now)
    made = intents(about, reached, urgency, str(delivery.data.get("reason", "")), delivery.round, now)
    deliveries.intend(addressed(made, now), now)


def intents(
    about: Mapping[str, Any], reached: Recipients, urgency: Urgency, reason: str, round: int, now: datetime
) -> list[Intent]:
    """The messages to those *reached*, which say for what *reason* the policy has run out; *about* are the fields that every
    intent of the run carries. Where nobody is reached, one that says so and is never sent."""
    common = {**about, "purpose": Purpose.FALLBACK, "round": round, "urgency": urgency, "data": {"reason": reason}}
    if not reached.calls:
        return [Intent(**common, due_at=now, suppressed="; ".join(["nobody is left to tell", *reached.missed]))]
    return [
        Intent(
            **common,
            destination_id=call.destination_id,
            kind=call.kind,
            recipient_id=call.user_id,
            rank=Rank.FIRST_PAGE if urgency == Urgency.HIGH else Rank.PAGE,
            due_at=call.at,
        )
        for call in reached.calls
    ]
