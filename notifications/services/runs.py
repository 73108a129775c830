"""Escalation runs: begun, paused, resumed and ended in the transaction of what happened to the incident. Set-based.

Called by ``handlers`` with the facts of events, while the incidents are locked; what is due is done by ``steps``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When

from aiops.kernel.sql import prepared_cursor
from incidents.choices import EntryKind, Status
from incidents.models import Incident, TimelineEntry
from incidents.services.timers import system_entry
from notifications.choices import GOING, Purpose, RunState, Wake
from notifications.models import EscalationRun
from notifications.services import deliveries, doorbell, standing_down

# One run per new incident, over the policy that is in force now: its service's own, else an enabled one of the workspace that
# names the severity, else the default. Without policy and routes nobody is ever told, and there is no run.
_BEGIN = """
INSERT INTO notifications_escalationrun
    (incident_id, workspace_id, version_id, episode, state, step, round, cycle, repeats, next_step_at, wake, started_at, reason)
SELECT f.incident_id, f.workspace_id, p.version_id, %(episode)s, 'active', 0, 0, 0, 0, %(now)s, 'opened', %(now)s, ''
FROM json_to_recordset(%(facts)s::json) AS f(incident_id bigint, workspace_id bigint, service_id bigint, severity int)
LEFT JOIN LATERAL (
    SELECT c.version_id FROM (
        SELECT p.version_id, 0 AS rank, p.id FROM notifications_servicepolicy s
            JOIN notifications_escalationpolicy p ON p.id = s.policy_id AND p.enabled
        WHERE s.service_id = f.service_id
        UNION ALL
        SELECT p.version_id, CASE WHEN p.is_default THEN 2 ELSE 1 END, p.id FROM notifications_escalationpolicy p
        WHERE p.workspace_id = f.workspace_id AND p.enabled AND p.version_id IS NOT NULL
          AND (p.is_default OR p.severities @> (%(words)s::jsonb -> f.severity::text))
    ) c ORDER BY c.rank, c.id LIMIT 1
) p ON true
WHERE p.version_id IS NOT NULL
   OR EXISTS (SELECT FROM notifications_route r WHERE r.workspace_id = f.workspace_id AND r.enabled)
ON CONFLICT DO NOTHING
"""
_WORDS = orjson.dumps({"1": ["info"], "2": ["low"], "3": ["medium"], "4": ["high"], "5": ["critical"]}).decode()


def begin(facts: Sequence[dict[str, Any]], now: datetime, episode: int = 0) -> int:
    """Start a run for each incident of *facts* that anybody is to hear of; one statement. Returns how many began."""
    rows = [{key: fact[key] for key in ("incident_id", "workspace_id", "service_id", "severity")} for fact in facts]
    values = {"facts": orjson.dumps(rows).decode(), "now": now, "episode": episode, "words": _WORDS}
    with connection.wrap_database_errors, prepared_cursor() as cursor:
        cursor.execute(_BEGIN, values, prepare=True)
        begun = cursor.rowcount
    if begun:
        transaction.on_commit(doorbell.ring, robust=True)
    return begun


def acknowledge(facts: Sequence[dict[str, Any]], now: datetime) -> None:
    """Somebody has them: nobody else is paged. Where the policy says so, only for a while."""
    _hand_over(_going(facts).filter(state__in=(RunState.ACTIVE, RunState.PAUSED)), now)
    by_whom: dict[str, list[int]] = {}
    for fact in facts:
        by_whom.setdefault(fact.get("actor", {}).get("label", ""), []).append(fact["incident_id"])
    for label, incident_ids in by_whom.items():
        said = f"acknowledged by {label}" if label else "acknowledged"
        deliveries.cancel_waiting(incident_ids, f"{said} before it was sent", [Purpose.PAGE, Purpose.FALLBACK], now)
    standing_down.acknowledged(facts, now)


def renew(facts: Sequence[dict[str, Any]], now: datetime) -> None:
    """Whoever acknowledged did something: the acknowledgement holds for its whole time again."""
    actors = {fact["incident_id"]: fact.get("actor", {}).get("label") for fact in facts}
    owners = dict(Incident.objects.filter(pk__in=actors).values_list("pk", "acknowledged_by"))
    leased = _going(facts).filter(state=RunState.ACKNOWLEDGED, wake=Wake.LEASE).select_related("version")
    for run in leased:
        lease = _lease(run)
        if lease and owners.get(run.incident_id) and owners[run.incident_id] == actors[run.incident_id]:
            EscalationRun.objects.filter(pk=run.pk).update(next_step_at=now + lease)


def pause(facts: Sequence[dict[str, Any]], now: datetime, reason: str) -> None:
    """Silence: nothing is due any more, and what waits is not sent."""
    paused = _going(facts).exclude(state=RunState.PAUSED)
    ids = list(paused.filter(version__isnull=False).values_list("incident_id", flat=True))
    paused.update(state=RunState.PAUSED, next_step_at=None, reason=reason[:300])
    deliveries.cancel_waiting(_ids(facts), reason, [Purpose.PAGE, Purpose.FALLBACK], now)
    _tell(ids, EntryKind.ESCALATION_PAUSED, {"said": "Escalation paused", "reason": reason}, now)


def resume(facts: Sequence[dict[str, Any]], now: datetime, reason: str) -> None:
    """Nobody has them, or the silence is over: the level that was told last is told again at once.

    Somebody who acknowledged before the snooze still has it. A level that was to be told by hand comes instead.
    """
    held = list(Incident.objects.filter(pk__in=_ids(facts)).exclude(status=Status.OPEN).values_list("pk", flat=True))
    _hand_over(_going(facts).filter(incident_id__in=held, state=RunState.PAUSED), now)
    resumed = _going(facts).exclude(state=RunState.ACTIVE).exclude(incident_id__in=held)
    ids = list(resumed.filter(version__isnull=False).values_list("incident_id", flat=True))
    resumed.update(
        state=RunState.ACTIVE,
        next_step_at=now,
        wake=Case(
            When(wake=Wake.ESCALATED, then=Value(Wake.ESCALATED)),
            When(level__isnull=True, then=Value(Wake.STEP)),
            default=Value(Wake.RESUMED),
        ),
        reason="",
    )
    _tell(ids, EntryKind.ESCALATION_RESUMED, {"said": "Escalation goes on", "reason": reason}, now)
    if ids:
        transaction.on_commit(doorbell.ring, robust=True)


def hurry(facts: Sequence[dict[str, Any]], now: datetime, wake: Wake) -> None:
    """Something makes them urgent (severity rose, escalated by hand): due at once, also when acknowledged or silenced."""
    states = (*GOING, RunState.EXHAUSTED) if wake == Wake.ESCALATED else GOING
    runs = EscalationRun.objects.filter(_current(facts), version__isnull=False, state__in=states)
    if runs.update(next_step_at=now, wake=wake):
        transaction.on_commit(doorbell.ring, robust=True)


def end(facts: Sequence[dict[str, Any]], now: datetime, reason: str) -> None:
    """It is over: nobody is paged any more, and everybody who was told hears it."""
    EscalationRun.objects.filter(_current(facts)).exclude(state=RunState.ENDED).update(
        state=RunState.ENDED, next_step_at=None, ended_at=now, reason=reason
    )
    deliveries.cancel_waiting(_ids(facts), f"{reason} before it was sent", [Purpose.PAGE, Purpose.FALLBACK], now)
    standing_down.over(facts, now)


def begin_episode(facts: Sequence[dict[str, Any]], now: datetime) -> None:
    """Reopened: a new run over what the policy says now."""
    episodes = dict(Incident.objects.filter(pk__in=_ids(facts)).values_list("pk", "episode"))
    by_episode: dict[int, list[dict[str, Any]]] = {}
    for fact in facts:
        by_episode.setdefault(episodes.get(fact["incident_id"], 0), []).append(fact)
    for episode, those in by_episode.items():
        begin(those, now, episode)


def unreached(incident_id: int, episode: int, step: int, now: datetime) -> bool:
    """Nobody of a step can be reached: go on at once instead of waiting. True when the run was still waiting for that step."""
    waiting = EscalationRun.objects.filter(
        incident_id=incident_id, episode=episode, level=step, state=RunState.ACTIVE, next_step_at__gt=now
    )
    woken = waiting.filter(wake__in=(Wake.STEP, Wake.EXHAUST, Wake.REPEAT)).update(
        next_step_at=now, wake=Case(When(wake=Wake.REPEAT, then=Value(Wake.UNREACHED)), default=F("wake"))
    )
    if woken:
        doorbell.ring()
    return bool(woken)


def _hand_over(runs: QuerySet[EscalationRun], now: datetime) -> None:
    """Somebody has them now; where the policy says so, only for a while."""
    by_lease: dict[timedelta | None, list[int]] = {}
    for run in runs.select_related("version"):
        by_lease.setdefault(_lease(run), []).append(run.pk)
    for lease, ids in by_lease.items():
        EscalationRun.objects.filter(pk__in=ids).update(
            state=RunState.ACKNOWLEDGED,
            next_step_at=now + lease if lease else None,
            wake=Wake.LEASE if lease else F("wake"),
            reason="",
        )


def _going(facts: Sequence[dict[str, Any]]) -> Any:
    return EscalationRun.objects.filter(_current(facts), state__in=GOING)


def _current(facts: Sequence[dict[str, Any]]) -> Q:
    """The runs of the current episode of the incidents."""
    return Q(incident_id__in=_ids(facts), episode=F("incident__episode"))


def _ids(facts: Iterable[dict[str, Any]]) -> list[int]:
    return sorted({fact["incident_id"] for fact in facts})


def _lease(run: EscalationRun) -> timedelta | None:
    minutes = run.version.definition.get("acknowledge_minutes") if run.version else None
    return timedelta(minutes=minutes) if minutes else None


def _tell(incident_ids: Iterable[int], kind: EntryKind, data: dict[str, Any], now: datetime) -> None:
    TimelineEntry.objects.bulk_create(system_entry(Incident(pk=pk), now, kind, data=data) for pk in incident_ids)
