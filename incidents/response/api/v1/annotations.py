"""Annotations of an incident in v1 (acknowledged, snoozed, suppressed, resolved), as clients of Kubernetes objects read
them.
"""

from __future__ import annotations

from datetime import datetime

from aiops.kernel.clock import rfc3339
from incidents.core.models import Incident
from incidents.response.api import states

PREFIX = "aiops.chatcli.io/"


def annotations_of(incident: Incident, now: datetime) -> dict[str, str]:
    """Acknowledged, snoozed, suppressed, resolved: by whom and when, as far as it is so at *now*."""
    facts: dict[str, str] = {}
    if incident.acknowledged_at:
        facts |= {
            "acknowledged": "true",
            "acknowledged-at": at(incident.acknowledged_at),
            "acknowledged-by": incident.acknowledged_by,
        }
    if incident.is_live and states.SNOOZED.holds(incident, now):
        facts |= {"snoozed-until": at(incident.snoozed_until), "snoozed-by": incident.snoozed_by}
    if incident.is_live and incident.suppressed_by:
        facts |= {
            "suppressed": "true",
            "suppressed-by": str(incident.suppressed_by.get("name", "")),
            "suppressed-reason": str(incident.suppressed_by.get("reason", "")),
        }
    if incident.resolved_at:
        how = "manual-resolution" if incident.resolved_by_hand else "auto-resolution"
        facts |= {"resolved-by": incident.resolved_by, "resolved-at": at(incident.resolved_at), how: "true"}
    return {PREFIX + name: value for name, value in facts.items()}


def at(instant: datetime | None) -> str:
    return rfc3339(instant, timespec="seconds") or ""
