"""Timers: the sweep that ends snoozes and closes resolved incidents when their deadline has come.

A deadline is a column, so a sweep finds what an earlier one missed. A batch is one lock, one update and one insert of
timeline entries, whatever its size. A killed worker loses at most its transaction. Acknowledgements that an app above
finds to have run out are taken back here too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import partial

import orjson
from django.db import OperationalError, connection, transaction
from django.db.models import F

from aiops.access.actors import SYSTEM
from aiops.audit import recording
from aiops.audit.snapshot import Facts
from aiops.kernel import live
from incidents.choices import EntryKind
from incidents.core.events import IncidentEvent, IncidentFact
from incidents.core.lifecycle import TRANSITIONS, Action, starts_of
from incidents.core.models import Incident
from incidents.core.services import reactions, timeline, transitions
from incidents.core.timeline import Entry
from incidents.ingest.models import RecentResolve, SeenEvent
from incidents.querysets import IncidentQuerySet
from incidents.upkeep.services import upkeep

log = logging.getLogger(__name__)

BATCH = 500
MAX_BATCHES = 100
RESOLVE_MEMORY = timedelta(hours=1)
EVENT_MEMORY = timedelta(days=7)


def wake_snoozed(now: datetime) -> int:
    """Wake every incident whose snooze has ended; returns how many."""
    return _sweep(Incident.objects.snooze_due(now), now, partial(_wake, now=now), IncidentEvent.UNSNOOZED)


def close_resolved(now: datetime, after: timedelta) -> int:
    """Close every incident that was resolved at least *after* ago; returns how many. Zero: never."""

    def close(batch: list[Incident]) -> None:
        _move(batch, now, Action.CLOSE, f"resolved for {after}")

    return _sweep(Incident.objects.close_due(now - after), now, close, IncidentEvent.CLOSED) if after else 0


def release(incident_ids: Collection[int], now: datetime, reason: str) -> int:
    """Take incidents back from whoever has them, for *reason* (an acknowledgement ran out): open again, nobody's.

    Those that nobody has, or that have ended, are passed over. Returns how many were released.
    """

    def give_back(batch: list[Incident]) -> None:
        _move(batch, now, Action.UNACKNOWLEDGE, reason)

    held = Incident.objects.filter(pk__in=incident_ids, status__in=starts_of(Action.UNACKNOWLEDGE))
    return _sweep(held, now, give_back, IncidentEvent.UNACKNOWLEDGED) if incident_ids else 0


def wake(incident_ids: Collection[int], now: datetime, reason: str) -> int:
    """End the snooze of live incidents before its time, for *reason*. Returns how many were asleep."""
    asleep = Incident.objects.live().filter(pk__in=incident_ids, snoozed_until__gt=now)
    return _sweep(asleep, now, partial(_wake, now=now, reason=reason), IncidentEvent.UNSNOOZED) if incident_ids else 0


def clock_went_back(by: timedelta, now: datetime) -> int:
    """Snoozes end as much earlier as the clock was set back; returns how many were moved."""
    return Incident.objects.live().filter(snoozed_until__gt=now).update(snoozed_until=F("snoozed_until") - by)


def mark_escalated(incident_ids: Collection[int], now: datetime) -> int:
    """Note on incidents that they went past the first level, if that is not noted yet. Their run tells the timeline of it."""
    fresh = Incident.objects.live().filter(pk__in=incident_ids, escalated_at__isnull=True)
    batch = list(
        fresh.only("name", "workspace_id", "namespace", "is_system").order_by("pk").select_for_update(no_key=True)
    )
    fresh.filter(pk__in=[incident.pk for incident in batch]).update(escalated_at=now, updated_at=now)
    _record("incident.escalate", batch, now, [({"escalated_at": None}, {"escalated_at": now})] * len(batch))
    return len(batch)


def forget_resolves(now: datetime) -> int:
    """Drop remembered resolves that can't matter any more; returns how many."""
    return RecentResolve.objects.filter(received_at__lt=now - RESOLVE_MEMORY).delete()[0]


def forget_events(now: datetime) -> int:
    """Drop the names of messages that nobody delivers again; returns how many."""
    return SeenEvent.objects.filter(received_at__lt=now - EVENT_MEMORY).delete()[0]


def _wake(batch: list[Incident], now: datetime, reason: str = "") -> None:
    Incident.objects.filter(pk__in=[incident.pk for incident in batch]).update(snoozed_until=None, updated_at=now)
    until = {i.pk: i.snoozed_until.isoformat() if i.snoozed_until else None for i in batch}
    said = {"reason": reason} if reason else {}
    timeline.record(
        Entry.by(SYSTEM, incident.pk, now, EntryKind.UNSNOOZED, data={"until": until[incident.pk], **said})
        for incident in batch
    )
    changes = [({"snoozed_until": until[incident.pk]}, {"snoozed_until": None, **said}) for incident in batch]
    _record("incident.unsnooze", batch, now, changes)


def _move(batch: list[Incident], now: datetime, action: Action, reason: str) -> None:
    """Bring all of *batch*, which may make the move, to where it leads."""
    target = TRANSITIONS[action][1]
    rows = [
        {"id": i.pk, "action": action, "to_status": target, "at": now, "by": SYSTEM.label, "by_hand": False, "note": ""}
        for i in batch
    ]
    with connection.cursor() as cursor:
        cursor.execute(transitions.MOVE, [orjson.dumps(rows).decode()])
    data = {"action": str(action), "reason": reason}
    timeline.record(
        Entry.by(SYSTEM, i.pk, now, EntryKind.STATUS_CHANGED, data=data, from_status=i.status, to_status=target)
        for i in batch
    )
    changes = [({"status": incident.status}, {"status": target, "reason": reason}) for incident in batch]
    _record(f"incident.{action}", batch, now, changes)


def _record(verb: str, batch: list[Incident], now: datetime, changes: Sequence[tuple[Facts, Facts]]) -> None:
    """The audit events of *batch*, with what each was and is, in one statement. Those by which the platform proves itself are
    nobody's business."""
    changed = zip(batch, changes, strict=True)
    entries = [
        recording.Entry(verb, incident.audit_object(), before, after)
        for incident, (before, after) in changed
        if not incident.is_system
    ]
    recording.record_all(entries, actor=SYSTEM, now=now)


def _sweep(due: IncidentQuerySet, now: datetime, act: Callable[[list[Incident]], None], event: IncidentEvent) -> int:
    """Take what is due, a batch a transaction; what another process has in hand is passed over and comes next time. A broken one
    is left alone, the others of its batch have their turn."""
    done, broken = 0, set[int]()
    for _ in range(MAX_BATCHES):
        left = due.exclude(pk__in=broken) if broken else due
        try:
            taken = moved = _take(left, now, act, event)
        except OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 (one of them is broken; which, is found out)
            log.warning("a batch for %s fails and is done one by one: %s", event, error)
            pks = list(left.order_by("pk").values_list("pk", flat=True)[:BATCH])
            moved = upkeep.apart(
                pks,
                lambda some: _take(due.filter(pk__in=some), now, act, event),
                of=lambda pk: upkeep.Subject(
                    f"{event}:{pk}", f"What is due of incident {pk} ({event})", gone=upkeep.OFTEN
                ),
                now=now,
            )
            taken = len(pks)
            broken.update(pks)
        done += moved
        if taken < BATCH:
            break
    return done


def _take(due: IncidentQuerySet, now: datetime, act: Callable[[list[Incident]], None], event: IncidentEvent) -> int:
    with transaction.atomic():
        batch = list(due.order_by("pk").select_for_update(no_key=True, skip_locked=True)[:BATCH])
        if batch:
            act(batch)
            facts = [
                IncidentFact(
                    incident_id=i.pk,
                    workspace_id=i.workspace_id,
                    service_id=i.service_id,
                    severity=i.severity,
                    actor=SYSTEM.ref,
                )
                for i in batch
            ]
            reactions.publish(event, facts, now)
            live.publish_rows([(incident.workspace_id, incident.pk) for incident in batch], "timer")
    return len(batch)
