"""The events of deliveries, for the subjects above. Published in the transaction of the outcome."""

from __future__ import annotations

from dataclasses import dataclass

from aiops.kernel.events import Event, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFact(Fact):
    """A step of an incident's escalation, in the round in which its messages were made."""

    incident_id: int
    episode: int
    round: int
    step: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackFact(Fact):
    """A message to a policy's fallback."""

    delivery_id: int
    incident_id: int


class DeliveryEvent(Event):
    """What may become of messages. STEP_UNREACHED: no message of a step arrived, and none is on its way any more.
    FALLBACK_FAILED: a message to a fallback will never arrive, or was tried in vain several times."""

    STEP_UNREACHED = "delivery.step_unreached", StepFact
    FALLBACK_FAILED = "delivery.fallback_failed", FallbackFact
