"""What it tells the apps above it."""

from __future__ import annotations

from dataclasses import dataclass

from aiops.access.actors import ActorRef
from aiops.kernel.events import Event, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillFact(Fact):
    """A drill, and who approved it."""

    drill_id: int
    incident_id: int
    actor: ActorRef


class DrillEvent(Event):
    """What may happen to a drill."""

    APPROVED = "drill.approved", DrillFact
