"""Rows of the incident list: title, place, age, assignee, next step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.urls import reverse

from incidents.choices import LIVE, Priority, Status
from incidents.core.models import Incident
from incidents.querysets import IncidentQuerySet
from incidents.response.next_step import NextStep, Situation, next_step
from incidents.response.slots import NEXT

# What no row shows, and what is costly to read (JSON, long texts).
UNSHOWN = (
    "description", "labels", "links", "metric", "dedup_key", "dedup_strategy", "acknowledge_message", "resolution",
    "snooze_reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Look:
    """How a status is shown: *look* is the class of its dot, *label* its word."""

    status: str
    look: str
    label: str


@dataclass(frozen=True, slots=True)
class Row:
    """One incident, ready to be shown. *gone*: it is no longer in the view that somebody looks at."""

    incident: Incident
    id: str
    url: str
    where: str
    look: Look
    who: str
    next: NextStep
    gone: bool = False


def for_rows(queryset: IncidentQuerySet) -> IncidentQuerySet:
    """*queryset* without the columns that no row shows."""
    return queryset.defer(*UNSHOWN)


def rows_of(incidents: Iterable[Incident], now: datetime) -> list[Row]:
    """The rows of *incidents*, in their order; the workspace is named when there are several on the page."""
    found = list(incidents)
    many = len({incident.workspace_id for incident in found}) > 1
    following = next_of_all(found, now)
    return [row_of(incident, following[incident.pk], now, name_workspace=many) for incident in found]


def row_of(incident: Incident, following: NextStep, now: datetime, *, name_workspace: bool = False) -> Row:
    """One row; *following* is what happens next."""
    places = [incident.workspace.name] if name_workspace else []
    return Row(
        incident=incident,
        id=incident.public_id,
        url=reverse("console-incident", args=[incident.public_id]),
        where=" · ".join(dict.fromkeys(filter(None, [*places, *where(incident)]))),
        look=look_of(incident, now),
        who=who_has(incident),
        next=following,
    )


def where(incident: Incident) -> list[str]:
    """From the service down to the thing itself; empty texts where the signal said nothing."""
    resource = incident.pod or incident.deployment
    named = f"{incident.resource_kind} {incident.resource_name}".strip()
    return [incident.service_name or incident.service.name, incident.namespace, resource or named]


def look_of(incident: Incident, now: datetime) -> Look:
    """The status; an open one that is suppressed or snoozed says that instead, since nobody is waited for."""
    if incident.status == Status.OPEN and incident.suppressed_by is not None:
        return Look(incident.status, "suppressed", "Suppressed")
    if incident.status == Status.OPEN and incident.is_snoozed(now):
        return Look(incident.status, "snoozed", "Snoozed")
    return Look(incident.status, incident.status, Status(incident.status).label)


def who_has(incident: Incident) -> str:
    """Who works on it: the assignee, else whoever acknowledged it; empty: nobody."""
    if incident.assignee is not None:
        return incident.assignee.display_name
    return incident.acknowledged_by if incident.status in LIVE else incident.resolved_by or incident.acknowledged_by


def next_of_all(incidents: Sequence[Incident], now: datetime) -> dict[int, NextStep]:
    """What happens next to each if nobody acts: what the apps above foresee, else what the incident itself says."""
    live = {incident.pk: incident for incident in incidents if incident.is_live}
    foreseen = NEXT.load(list(live), now=now, incidents=live)
    return {i.pk: foreseen[i.pk] if i.pk in foreseen else next_of(i, now) for i in incidents}


def next_of(incident: Incident, now: datetime) -> NextStep:
    """What happens next if nobody acts, as the incident itself says."""
    situation = Situation(
        status=Status(incident.status),
        priority=Priority(incident.priority),
        created_at=incident.created_at,
        episode=incident.episode,
        snoozed_until=incident.snoozed_until,
        suppressed_by=incident.suppressed_by,
        acknowledged_at=incident.acknowledged_at,
        resolved_at=incident.resolved_at,
        closed_at=incident.closed_at,
    )
    return next_step(situation, now, settings.AIOPS_AUTO_CLOSE_AFTER)
