"""The events of incidents, for the apps above. Published in the transaction of the change."""

from __future__ import annotations

from dataclasses import dataclass

from aiops.access.actors import ActorRef
from aiops.kernel.events import Event, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFact(Fact):
    """An incident, as it is after the change, and who changed it: a person, a key, a source of signals, or the platform itself.

    *severity* is a number of ``Severity``.
    """

    incident_id: int
    workspace_id: int
    service_id: int
    severity: int
    actor: ActorRef


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityFact(IncidentFact):
    """The same, and whether the priority *rose* (became more urgent)."""

    rose: bool


class IncidentEvent(Event):
    """What may happen to an incident. SUPPRESSED and UNSUPPRESSED are published by what suppresses."""

    fact: type[IncidentFact]

    OPENED = "incident.opened", IncidentFact
    SEVERITY_RAISED = "incident.severity_raised", IncidentFact
    ACKNOWLEDGED = "incident.acknowledged", IncidentFact
    UNACKNOWLEDGED = "incident.unacknowledged", IncidentFact
    INVESTIGATING = "incident.investigating", IncidentFact
    RESOLVED = "incident.resolved", IncidentFact
    CLOSED = "incident.closed", IncidentFact
    REOPENED = "incident.reopened", IncidentFact
    SNOOZED = "incident.snoozed", IncidentFact
    UNSNOOZED = "incident.unsnoozed", IncidentFact
    SUPPRESSED = "incident.suppressed", IncidentFact
    UNSUPPRESSED = "incident.unsuppressed", IncidentFact
    ESCALATED = "incident.escalated", IncidentFact
    ASSIGNED = "incident.assigned", IncidentFact
    NOTED = "incident.noted", IncidentFact
    PRIORITY_SET = "incident.priority_set", PriorityFact
