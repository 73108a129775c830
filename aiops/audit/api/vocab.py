"""v1's words for what happened: event types and severities. A change that is about no incident is ``config_changed``."""

from __future__ import annotations

from django.db.models import Q

from aiops.access.actors import ActorKind

TYPES = {
    "incident.open": "issue_created",
    "incident.acknowledge": "issue_acknowledged",
    "incident.unacknowledge": "issue_unacknowledged",
    "incident.investigate": "issue_investigated",
    "incident.resolve": "issue_resolved",
    "incident.close": "issue_closed",
    "incident.reopen": "issue_reopened",
    "incident.snooze": "issue_snoozed",
    "incident.unsnooze": "issue_unsnoozed",
    "incident.note": "issue_noted",
    "incident.assign": "issue_assigned",
    "incident.set_priority": "issue_prioritized",
    "incident.escalate": "issue_escalated",
    "audit.export": "audit_exported",
}
OTHER = "config_changed"
WARNINGS = ("incident.escalate",)
SEVERITIES = ("info", "warning", "critical")
ACTORS = {
    ActorKind.USER: "user",
    ActorKind.API_KEY: "user",
    ActorKind.SOURCE: "controller",
    ActorKind.RUNBOOK: "controller",
    ActorKind.SYSTEM: "system",
}
EVENT_TYPES = (*TYPES.values(), OTHER)


def type_of(verb: str) -> str:
    """The event type of a verb."""
    return TYPES.get(verb, OTHER)


def of_type(word: str) -> Q:
    """The events of a type."""
    if word == OTHER:
        return ~Q(verb__in=TYPES)
    return Q(verb__in=[verb for verb, known in TYPES.items() if known == word])


def severity_of(verb: str) -> str:
    """How grave it is."""
    return "warning" if verb in WARNINGS else "info"


def of_severity(word: str) -> Q:
    """The events of a severity; nothing that is recorded so far is critical."""
    return {"warning": Q(verb__in=WARNINGS), "info": ~Q(verb__in=WARNINGS)}.get(word, Q(pk__in=()))
