"""Reads of incidents, timelines and alerts for pages and dialects. Every read starts from ``visible_to(actor)``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Q

from aiops.access.actors import Actor
from aiops.kernel.errors import NotFound
from incidents.choices import EntryKind
from incidents.core.models import Alert, Incident, TimelineEntry
from incidents.errors import AmbiguousName
from incidents.querysets import IncidentQuerySet

AMBIGUOUS = 20  # workspaces that a refusal names at most


def listing(actor: Actor) -> IncidentQuerySet:
    """The incidents that *actor* may see, newest first, with what a row shows of other tables. Without proofs of paging."""
    return _visible(actor).listed().order_by("-pk")


def incident_for(actor: Actor, reference: str, workspace: str = "") -> Incident:
    """The incident of an id (``inc-…``) or a name (``INC-…``), in the *workspace* of this slug if one is given.

    Raises ``NotFound`` when there is none or the actor may not see it, and ``AmbiguousName`` when several workspaces have one of
    that name: names are counted anew in each, and the newest is not what somebody meant.
    """
    found = _visible(actor).by_reference(reference)
    if workspace:
        found = found.filter(workspace__slug=workspace) if workspace.isprintable() else found.none()
    incidents = list(found[:AMBIGUOUS])
    if not incidents:
        raise NotFound("Incident not found", details=f"No incident '{reference}' found")
    if len(incidents) > 1:
        raise AmbiguousName(incidents[0].name, sorted(incident.workspace.slug for incident in incidents))
    return incidents[0]


def _visible(actor: Actor) -> IncidentQuerySet:
    return Incident.objects.visible_to(actor).select_related("workspace", "service", "assignee", "source")


def timeline(incident: Incident, limit: int = 1000) -> list[TimelineEntry]:
    """The latest *limit* facts about an incident, oldest first."""
    return list(TimelineEntry.objects.filter(incident=incident).order_by("-pk")[:limit])[::-1]


def status_history(incidents: Iterable[Incident]) -> dict[int, list[TimelineEntry]]:
    """Per incident, every entry that set its status, oldest first."""
    return _entries(incidents, ~Q(to_status=""))


def notes(incidents: Iterable[Incident]) -> dict[int, list[TimelineEntry]]:
    """Per incident, what people wrote down, oldest first."""
    return _entries(incidents, Q(kind=EntryKind.NOTE_ADDED))


def _entries(incidents: Iterable[Incident], condition: Q) -> dict[int, list[TimelineEntry]]:
    found: dict[int, list[TimelineEntry]] = defaultdict(list)
    ids = [incident.pk for incident in incidents]
    for entry in TimelineEntry.objects.filter(condition, incident_id__in=ids).order_by("pk"):
        found[entry.incident_id].append(entry)
    return found


def alerts(incident: Incident, limit: int = 50) -> list[Alert]:
    """The latest *limit* alerts of an incident, newest first."""
    return list(Alert.objects.filter(incident=incident).order_by("-received_at")[:limit])
