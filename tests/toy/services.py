"""Its verbs, its reaction to incidents, and its due work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from aiops.access.actors import SYSTEM, Actor
from aiops.kernel import events
from aiops.kernel.errors import Conflict
from aiops.kernel.outbox import Doorbell
from aiops.kernel.outbox.lease import claim, settle
from incidents.core.events import IncidentFact
from incidents.core.models import Incident
from incidents.core.services import timeline
from incidents.core.timeline import Entry
from incidents.response.next_step import NextStep
from tests.toy.events import DrillEvent, DrillFact
from tests.toy.models import Drill

TASK = "tests.toy.tasks.hold_drills"
bell = Doorbell(TASK)


def plan(facts: Sequence[IncidentFact], now: datetime) -> None:
    """``IncidentEvent.OPENED``: each incident gets a drill that waits for its approval."""
    Drill.objects.bulk_create(Drill(incident_id=fact.incident_id) for fact in facts)


def approve(*, actor: Actor, incident_id: int, now: datetime, reason: str = "") -> None:
    """Approve the drill of an incident; it is held at once. Raises ``Conflict`` when none waits."""
    with transaction.atomic():
        waiting = Drill.objects.select_for_update().filter(incident_id=incident_id, approved_by="").first()
        if waiting is None:
            raise Conflict("No drill waits for approval")
        waiting.approved_by, waiting.due_at = actor.label, now
        waiting.save()
        timeline.record([Entry.by(actor, incident_id, now, "drill_approved", text=reason)])
        fact = DrillFact(drill_id=waiting.pk, incident_id=incident_id, actor=actor.ref)
        events.publish(DrillEvent.APPROVED, [fact], now)
        transaction.on_commit(bell.ring, robust=True)


def hold_due(now: datetime) -> int:
    """Hold the drills that are due; returns how many."""
    drills = claim(Drill.objects.all(), now, limit=10)
    for drill in drills:
        if settle(drill, due_at=None, held_at=now):
            timeline.record(
                [Entry.by(SYSTEM, drill.incident_id, now, "drill_held", data={"said": "The drill was held"})]
            )
    return len(drills)


def waits(incident: Incident) -> bool:
    """Whether a drill of the incident waits for its approval."""
    return Drill.objects.filter(incident_id=incident.pk, approved_by="").exists()


def next_steps(
    incident_ids: Sequence[int], *, now: datetime, incidents: Mapping[int, Incident]
) -> Mapping[int, NextStep]:
    """Fills the slot ``NEXT``."""
    waiting = Drill.objects.filter(incident_id__in=incident_ids, approved_by="").values_list("incident_id", flat=True)
    return {pk: NextStep("waits for approval", tone="now") for pk in waiting}
