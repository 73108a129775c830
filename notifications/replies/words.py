"""Short sentences about an incident's state and age, for answers on a phone. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from incidents.choices import Status

if TYPE_CHECKING:
    from incidents.core.models import Incident

UNITS = ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def span(length: timedelta, parts: int = 1) -> str:
    """*length* in its largest whole units: "2 minutes", with two *parts* "1 hour 30 minutes"; never shorter than a second."""
    left, said = max(1, int(length.total_seconds())), []
    for size, unit in UNITS:
        count, left = divmod(left, size)
        if count:
            said.append(f"{count} {unit}{'s' if count != 1 else ''}")
    return " ".join(said[:parts])


def ago(then: datetime, now: datetime) -> str:
    """ "2 minutes ago"; "just now" for the last seconds and for what a skewed clock puts ahead."""
    return f"{span(now - then)} ago" if now - then >= timedelta(seconds=5) else "just now"


def state(incident: Incident, now: datetime) -> str:
    """Where the incident stands and who was first, as one sentence."""
    who, since = incident.acknowledged_by or "Somebody", incident.acknowledged_at
    if incident.status == Status.ACKNOWLEDGED:
        return f"{who} acknowledged it{f' {ago(since, now)}' if since else ''}."
    if incident.status == Status.INVESTIGATING:
        return f"{who} is investigating it{f', since {span(now - since)}' if since else ''}."
    if incident.status in (Status.RESOLVED, Status.CLOSED):
        by, at = incident.resolved_by or "Somebody", incident.resolved_at
        return f"{by} resolved it{f' {ago(at, now)}' if at else ''}."
    if incident.is_snoozed(now) and incident.snoozed_until:
        return f"{incident.snoozed_by or 'Somebody'} snoozed it for another {span(incident.snoozed_until - now, 2)}."
    return f"Nobody has it yet. It opened {ago(incident.created_at, now)}."
