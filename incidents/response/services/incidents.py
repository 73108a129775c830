"""The verbs of people and integrations on one incident: acknowledge, snooze, resolve, note, assign and the like.

Each verb takes keyword arguments and ``now``, locks the incident, writes its timeline entry and publishes its event in
one transaction, and updates open pages after the commit. The actor must be operator or admin of the workspace. Raises
``NotFound`` (also where the actor may not see the incident), ``NotPermitted``, ``TransitionRefused`` (with the allowed
transitions) and ``InvalidInput``.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import IntegrityError, connection, transaction

from aiops.access.actors import Actor, ActorKind, Role
from aiops.access.models import Membership, User
from aiops.audit.verbs import audited, called, locked, makes, says
from aiops.kernel import live
from aiops.kernel.errors import InvalidInput, NotPermitted
from aiops.kernel.text import seen
from incidents.catalogue.models import Service, Source
from incidents.choices import LIVE, EntryKind, Priority, Severity, SignalAction, SourceKind, Status
from incidents.contracts import Signal
from incidents.core.events import IncidentEvent
from incidents.core.lifecycle import Action, action_towards, decide
from incidents.core.models import Incident, TimelineEntry
from incidents.core.services import reactions, timeline, transitions
from incidents.core.timeline import Entry
from incidents.errors import NewerIncidentLive, NothingToDo
from incidents.ingest.services.ingest import submit

LONGEST_SNOOZE = timedelta(hours=720)
MAX_NOTE = 20_000


@audited("incident.acknowledge", always=True)
def acknowledge(*, actor: Actor, incident_id: int, now: datetime, by: str = "", message: str = "") -> Incident:
    """Somebody has it. *by* names who when the actor speaks for another; empty: the actor itself."""
    return _move(actor, incident_id, now, Action.ACKNOWLEDGE, note=message, by=by)


@audited("incident.unacknowledge", always=True)
def unacknowledge(*, actor: Actor, incident_id: int, now: datetime) -> Incident:
    """Nobody has it any more: back to open."""
    return _move(actor, incident_id, now, Action.UNACKNOWLEDGE)


@audited("incident.investigate", always=True)
def investigate(*, actor: Actor, incident_id: int, now: datetime) -> Incident:
    """Somebody looks for the cause."""
    return _move(actor, incident_id, now, Action.INVESTIGATE)


@audited("incident.resolve", always=True)
def resolve(*, actor: Actor, incident_id: int, now: datetime, resolution: str = "") -> Incident:
    """It is over; *resolution* tells how. The same problem then opens a new incident."""
    return _move(actor, incident_id, now, Action.RESOLVE, note=resolution.strip())


@audited("incident.close", always=True)
def close(*, actor: Actor, incident_id: int, now: datetime) -> Incident:
    """It is over and done with."""
    return _move(actor, incident_id, now, Action.CLOSE)


@audited("incident.reopen", always=True)
def reopen(*, actor: Actor, incident_id: int, now: datetime) -> Incident:
    """It is not over: a new episode begins. Refused while a newer incident of the same problem is live, naming it."""
    return _move(actor, incident_id, now, Action.REOPEN)


@audited("incident.change_status", always=True)
def change_status(*, actor: Actor, incident_id: int, wanted: Status, now: datetime, resolution: str = "") -> Incident:
    """Bring it to *wanted*, by whatever action leads there from where it is; *resolution* as of :func:`resolve`."""
    with _locked(actor, incident_id, now) as work:
        action = action_towards(Status(work.incident.status), wanted)
        called(f"incident.{action}")
        _apply(work, action, note=resolution if action == Action.RESOLVE else "")
    return work.incident


@audited("incident.snooze", always=True)
def snooze(
    *, actor: Actor, incident_id: int, now: datetime, duration: timedelta, reason: str = "", by: str = ""
) -> Incident:
    """Be silent about it for *duration* (over 0, at most 720 h); a snoozed incident may be snoozed anew."""
    if not timedelta(0) < duration <= LONGEST_SNOOZE:
        raise InvalidInput("duration must be over 0 and at most 720h", field="duration")
    with _locked(actor, incident_id, now) as work:
        incident = work.require_live("snooze")
        incident.snoozed_until = now + duration
        incident.snoozed_at = now
        incident.snoozed_by = (by or actor.label)[:254]
        incident.snooze_reason = reason
        work.save("snoozed_until", "snoozed_at", "snoozed_by", "snooze_reason")
        data = {"until": incident.snoozed_until.isoformat(), "by": incident.snoozed_by}
        work.record(EntryKind.SNOOZED, data=data, text=reason)
        work.publish(IncidentEvent.SNOOZED)
    return work.incident


@audited("incident.unsnooze", always=True)
def unsnooze(*, actor: Actor, incident_id: int, now: datetime) -> Incident:
    """End the silence now."""
    with _locked(actor, incident_id, now) as work:
        incident = work.incident
        if not incident.is_snoozed(now):
            raise NothingToDo("Incident is not snoozed")
        until, incident.snoozed_until = incident.snoozed_until, None
        work.save("snoozed_until")
        work.record(EntryKind.UNSNOOZED, data={"until": until.isoformat() if until else None})
        work.publish(IncidentEvent.UNSNOOZED)
    return work.incident


@audited("incident.note", always=True)
def add_note(*, actor: Actor, incident_id: int, now: datetime, content: str) -> TimelineEntry:
    """Write something down for everybody. Notes may be added to ended incidents too."""
    text = content.strip()
    if not text:
        raise InvalidInput("Note content is required", field="content")
    if len(text) > MAX_NOTE:
        raise InvalidInput(f"content must be at most {MAX_NOTE} characters", field="content")
    with _locked(actor, incident_id, now) as work:
        work.save()
        says(note=text)
        entry = work.record(EntryKind.NOTE_ADDED, text=text, data={"email": actor.email} if actor.email else {})
        work.publish(IncidentEvent.NOTED)
    return entry


# The same for somebody of another workspace and for nobody: a person's name stays within the person's workspaces.
NOT_A_MEMBER = "The assignee must be a member of the incident's workspace, or nobody"


@audited("incident.assign", always=True)
def assign(*, actor: Actor, incident_id: int, now: datetime, assignee: User | None) -> Incident:
    """Make it *assignee*'s, who must be a member of the workspace; None: nobody's."""
    with _locked(actor, incident_id, now) as work:
        incident = work.incident
        if assignee is not None and not _is_member(assignee, incident.workspace_id):
            raise InvalidInput(NOT_A_MEMBER, field="assignee")
        incident.assignee = assignee
        work.save("assignee")
        data = {"assignee": assignee.display_name if assignee else None, "user_id": assignee.pk if assignee else None}
        work.record(EntryKind.ASSIGNED, data=data)
        work.publish(IncidentEvent.ASSIGNED)
    return work.incident


@audited("incident.set_priority", always=True)
def set_priority(*, actor: Actor, incident_id: int, now: datetime, priority: Priority) -> Incident:
    """Say how soon somebody must answer."""
    with _locked(actor, incident_id, now) as work:
        before = Priority(work.incident.priority)
        if before == priority:
            raise NothingToDo(f"Priority is {priority.label} already")
        work.incident.priority, work.incident.priority_by_hand = priority, True
        work.save("priority", "priority_by_hand")
        work.record(EntryKind.PRIORITY_SET, data={"from": before.label, "to": priority.label})
        work.publish(IncidentEvent.PRIORITY_SET, rose=priority < before)
    return work.incident


@audited("incident.escalate", always=True)
def escalate(*, actor: Actor, incident_id: int, now: datetime, reason: str = "") -> Incident:
    """Say that more people are needed; each time the escalation goes one level on. That it was said stays until a reopen."""
    with _locked(actor, incident_id, now) as work:
        incident = work.require_live("escalate")
        incident.escalated_at = incident.escalated_at or now
        work.save("escalated_at")
        says(reason=reason)
        work.record(EntryKind.ESCALATED, text=reason)
        work.publish(IncidentEvent.ESCALATED)
    return work.incident


@audited("incident.open")
def open_incident(
    *,
    actor: Actor,
    workspace_id: int,
    now: datetime,
    title: str,
    description: str = "",
    severity: Severity = Severity.MEDIUM,
    service_id: int | None = None,
) -> Incident:
    """Open one by hand. It goes through ingest like any signal, so that all that follows from an incident follows from it."""
    if not actor.may(Role.OPERATOR, workspace_id):
        raise NotPermitted("Opening incidents takes the role operator or admin in the workspace")
    title = seen(title).strip()
    if not title:
        raise InvalidInput("title must be a non-blank text", field="title")
    services = Service.objects.filter(workspace_id=workspace_id).listed()
    service = (services.filter(pk=service_id) if service_id else services.filter(is_default=True)).first()
    if service is None:
        raise InvalidInput("service is none of this workspace's", field="service")
    source = Source.objects.get(workspace_id=workspace_id, kind=SourceKind.WEBHOOK, is_default=True)
    body = {"title": title, "description": description, "severity": severity.word, "by": actor.label}
    signal = Signal(
        action=SignalAction.TRIGGER,
        dedup_key=uuid.uuid4().hex,  # by hand means a new one, whatever it is called
        dedup_strategy="by_hand",
        title=title[:500],
        description=description,
        severity=severity,
        source=actor.label[:200],
        service=service.name,
        raw=orjson.dumps(body),
    )
    outcome = submit(source, [signal], now, service=service)[0]
    incident = Incident.objects.get(name=outcome.incident_name, workspace_id=workspace_id)
    makes(incident)
    return incident


@dataclass(slots=True)
class Work:
    """An incident under its lock, and the means to tell what is done to it."""

    incident: Incident
    actor: Actor
    now: datetime

    def save(self, *fields: str) -> None:
        """Write *fields* and the time of the change."""
        self.incident.updated_at = self.now
        self.incident.save(update_fields=[*fields, "updated_at"])

    def record(
        self,
        kind: EntryKind,
        *,
        data: dict[str, Any] | None = None,
        text: str = "",
        from_status: str = "",
        to_status: str = "",
    ) -> TimelineEntry:
        """Append a timeline entry."""
        entry = Entry.by(
            self.actor,
            self.incident.pk,
            self.now,
            kind,
            from_status=from_status,
            to_status=to_status,
            text=text,
            data=data or {},
        )
        (pk,) = timeline.record([entry])
        return TimelineEntry(pk=pk, **asdict(entry))

    def publish(self, event: IncidentEvent, **more: Any) -> None:
        """Tell the apps above, inside the transaction; *more* are the further fields of this event's fact."""
        incident = self.incident
        fact = event.fact(
            incident_id=incident.pk,
            workspace_id=incident.workspace_id,
            service_id=incident.service_id,
            severity=incident.severity,
            actor=self.actor.ref,
            **more,
        )
        reactions.publish(event, [fact], self.now)

    def require_live(self, verb: str) -> Incident:
        """The incident, which must not have ended."""
        if self.incident.status not in LIVE:
            raise NothingToDo(f"Can't {verb} an incident that is {self.incident.status}")
        return self.incident


@contextmanager
def _locked(actor: Actor, incident_id: int, now: datetime) -> Iterator[Work]:
    """The incident under a lock that lets others insert rows which point to it, if *actor* may touch it. It runs in the
    transaction of an audited verb."""
    incidents = Incident.objects.visible_to(actor).select_related("workspace", "service")
    refusal = "This takes the role operator or admin in the incident's workspace"
    incident = locked(incidents, incident_id, actor, role=Role.OPERATOR, missing="Incident not found", refusal=refusal)
    yield Work(incident, actor, now)
    live.publish_rows([(incident.workspace_id, incident.pk)], "incident")


def _move(actor: Actor, incident_id: int, now: datetime, action: Action, note: str = "", by: str = "") -> Incident:
    with _locked(actor, incident_id, now) as work:
        _apply(work, action, note=note, by=by)
    return work.incident


def _apply(work: Work, action: Action, *, note: str = "", by: str = "") -> None:
    incident, before = work.incident, Status(work.incident.status)
    after = decide(before, action)
    if action == Action.REOPEN:
        _refuse_twin(incident)
    row = {
        "id": incident.pk, "action": str(action), "to_status": str(after), "at": work.now, "by": (by or work.actor.label)[:254],
        "by_hand": work.actor.kind in (ActorKind.USER, ActorKind.API_KEY), "note": note,
    }  # fmt: skip
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(transitions.MOVE, [orjson.dumps([row]).decode()])
    except IntegrityError:  # a reopen, and the problem came back between the look and the move
        _refuse_twin(incident)
        raise
    incident.refresh_from_db()
    data = {"action": str(action), **({"by": by} if by and by != work.actor.label else {})}
    work.record(EntryKind.STATUS_CHANGED, data=data, text=note, from_status=before, to_status=after)
    work.publish(EVENT_OF[action])


EVENT_OF = {
    Action.ACKNOWLEDGE: IncidentEvent.ACKNOWLEDGED,
    Action.INVESTIGATE: IncidentEvent.INVESTIGATING,
    Action.RESOLVE: IncidentEvent.RESOLVED,
    Action.CLOSE: IncidentEvent.CLOSED,
    Action.UNACKNOWLEDGE: IncidentEvent.UNACKNOWLEDGED,
    Action.REOPEN: IncidentEvent.REOPENED,
}


def _refuse_twin(incident: Incident) -> None:
    twin = Incident.objects.live().filter(workspace_id=incident.workspace_id, dedup_hash=incident.dedup_hash).first()
    if twin is not None:
        raise NewerIncidentLive(twin.name)


def _is_member(user: User, workspace_id: int) -> bool:
    return user.is_superuser or Membership.objects.filter(user=user, workspace_id=workspace_id).exists()
