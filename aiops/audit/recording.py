"""Writing events: the one way in which an :class:`AuditEvent` comes to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model

from aiops.access.actors import Actor
from aiops.audit import facts
from aiops.audit.models import AuditEvent
from aiops.audit.snapshot import masked
from aiops.kernel.text import storable


@dataclass(frozen=True, slots=True)
class Object:
    """What was acted on. *workspace_id* None: it belongs to the installation or to a person. *incident_id*: the incident that it
    is or belongs to, by which events are tied together."""

    kind: str
    id: str
    name: str
    workspace_id: int | None
    namespace: str = ""
    incident_id: int | None = None

    @classmethod
    def of(cls, row: Model) -> Object:
        """The object that *row* is. A model may say it better by ``audit_object()``."""
        tell = getattr(row, "audit_object", None)
        if tell is not None:
            return tell()
        workspace_id = getattr(row, "workspace_id", None)
        return cls(kind_of(row), str(row.pk), str(row), workspace_id)


@dataclass(frozen=True, slots=True)
class Entry:
    """One event to write: what happened to an object, and what it said before and says after (JSON; secrets are masked)."""

    verb: str
    object: Object
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


def kind_of(row: Model) -> str:
    """The word for such rows: ``escalation_policy``."""
    return str(row._meta.verbose_name).lower().replace(" ", "_")


def record(
    verb: str,
    *,
    actor: Actor,
    object: Object,
    now: datetime | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write that *actor* did *verb* to *object*. Call it in the transaction of the change. *now* None: the database's clock."""
    record_all([Entry(verb, object, before, after)], actor=actor, now=now)


def record_all(entries: Sequence[Entry], *, actor: Actor, now: datetime | None = None) -> None:
    """Write several events of one actor in one statement."""
    if not entries:
        return
    came = facts.current()
    at = {"at": now} if now is not None else {}
    AuditEvent.objects.bulk_create(
        AuditEvent(
            workspace_id=entry.object.workspace_id,
            verb=entry.verb,
            actor_kind=actor.kind,
            actor_id=storable(actor.id, 64),
            actor_label=storable(actor.label, 254),
            actor_role=_role(actor, entry.object.workspace_id),
            object_kind=entry.object.kind,
            object_id=storable(entry.object.id, 64),
            object_name=storable(entry.object.name, 500),
            namespace=storable(entry.object.namespace, 253),
            incident_id=entry.object.incident_id,
            before=masked("", entry.before),
            after=masked("", entry.after),
            door=came.door,
            address=storable(came.address, 64),
            user_agent=storable(came.user_agent, 400),
            **at,
        )
        for entry in entries
    )


def _role(actor: Actor, workspace_id: int | None) -> str:
    role = actor.everywhere if workspace_id is None else actor.role_in(workspace_id)
    return role.word if role is not None else ""
