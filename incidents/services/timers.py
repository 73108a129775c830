"""What happens by itself when its time has come. The deadline is a column; each sweep takes what is due, whoever missed it.

Set-based: a batch is one lock, one update, one insert of timeline entries, whatever its size. A killed worker loses at most the
transaction it was in, and the next sweep finds the same rows due.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import orjson
from django.db import connection, transaction

from aiops.access.actors import SYSTEM
from aiops.kernel import live
from incidents.choices import EntryKind, Status
from incidents.lifecycle import Action
from incidents.models import Incident, RecentResolve, TimelineEntry
from incidents.querysets import IncidentQuerySet
from incidents.services import reactions, transitions

BATCH = 500
MAX_BATCHES = 100
RESOLVE_MEMORY = timedelta(hours=1)


def wake_snoozed(now: datetime) -> int:
    """Wake every incident whose snooze has ended; returns how many."""

    def wake(batch: list[Incident]) -> None:
        ids = [incident.pk for incident in batch]
        Incident.objects.filter(pk__in=ids).update(snoozed_until=None, updated_at=now)
        until = {i.pk: i.snoozed_until.isoformat() if i.snoozed_until else None for i in batch}
        TimelineEntry.objects.bulk_create(
            system_entry(incident, now, EntryKind.UNSNOOZED, data={"until": until[incident.pk]}) for incident in batch
        )

    return _sweep(Incident.objects.snooze_due(now), now, wake, "incident.unsnoozed")


def close_resolved(now: datetime, after: timedelta) -> int:
    """Close every incident that was resolved at least *after* ago; returns how many. Zero: never."""

    def close(batch: list[Incident]) -> None:
        rows = [
            {
                "id": i.pk,
                "action": Action.CLOSE,
                "to_status": Status.CLOSED,
                "at": now,
                "by": SYSTEM.label,
                "by_hand": False,
                "note": "",
            }
            for i in batch
        ]
        with connection.cursor() as cursor:
            cursor.execute(transitions.MOVE, [orjson.dumps(rows).decode()])
        data = {"action": str(Action.CLOSE), "reason": f"resolved for {after}"}
        TimelineEntry.objects.bulk_create(
            system_entry(i, now, EntryKind.STATUS_CHANGED, data=data, from_status=i.status, to_status=Status.CLOSED)
            for i in batch
        )

    return _sweep(Incident.objects.close_due(now - after), now, close, "incident.closed") if after else 0


def forget_resolves(now: datetime) -> int:
    """Drop remembered resolves that can't matter any more; returns how many."""
    return RecentResolve.objects.filter(received_at__lt=now - RESOLVE_MEMORY).delete()[0]


def system_entry(incident: Incident, at: datetime, kind: EntryKind, **fields: object) -> TimelineEntry:
    """A timeline entry of what the platform did by itself (not saved)."""
    return TimelineEntry(
        incident=incident,
        at=at,
        kind=kind,
        actor_kind=SYSTEM.kind,
        actor_id=SYSTEM.id,
        actor_label=SYSTEM.label,
        **fields,
    )


def _sweep(due: IncidentQuerySet, now: datetime, act: Callable[[list[Incident]], None], event: str) -> int:
    """Take what is due, a batch a transaction; what another process has in hand is passed over and comes next time."""
    done = 0
    for _ in range(MAX_BATCHES):
        with transaction.atomic():
            batch = list(due.order_by("pk").select_for_update(no_key=True, skip_locked=True)[:BATCH])
            if batch:
                act(batch)
                facts = [
                    {
                        "incident_id": i.pk,
                        "workspace_id": i.workspace_id,
                        "service_id": i.service_id,
                        "severity": i.severity,
                    }
                    for i in batch
                ]
                reactions.publish(event, facts, now)
                transaction.on_commit(partial(_announce, batch), robust=True)
        done += len(batch)
        if len(batch) < BATCH:
            break
    return done


def _announce(batch: list[Incident]) -> None:
    by_workspace: dict[int, list[int]] = {}
    for incident in batch:
        by_workspace.setdefault(incident.workspace_id, []).append(incident.pk)
    for workspace_id, incident_ids in by_workspace.items():
        live.publish(workspace_id, incident_ids, "timer", len(incident_ids))
