"""The auditor: does anybody forget an incident? It shares no code with the sweeps that it watches, only the tables.

The invariant: every live, open incident that is neither asleep nor suppressed, and for which there was a policy when it was
opened, has a next step that is not overdue, or a page on its way, or its policy has run out and an alarm was raised (or a rule of
the policy stopped it). And no page is overdue. Where it does not hold, an internal incident names the incidents, and the
escalation is set going again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Case, Value, When

from incidents.choices import Severity, Status
from incidents.models import Incident
from incidents.services import internal
from notifications.choices import RunState, Wake
from notifications.models import EscalationRun
from notifications.services import doorbell, runs

GRACE = timedelta(minutes=2)  # a sweep comes every few seconds; what is later than this is late
NAMED = 20  # incidents that an alarm names
MOST = 1000  # violations that one audit looks at
MARK = "aiops:audit"  # cache: (epoch seconds of the last audit, violations)
KEY = "paging audit"

# Why each incident violates the invariant; one that does not is no row. Incidents of the last moments are left to the handler's
# second chance. A run without a version says that there was no policy when the incident was opened.
_VIOLATIONS = """
SELECT i.id, i.workspace_id, i.service_id, i.severity, i.episode, i.name, r.id AS run_id, CASE
    WHEN r.id IS NULL THEN 'it has no escalation'
    WHEN r.state = 'active' AND r.next_step_at IS NULL THEN 'its escalation has no next step'
    WHEN r.state = 'active' THEN 'its next step is overdue'
    WHEN r.state = 'exhausted' THEN 'its policy ran out and no alarm was raised'
    ELSE 'it is open, and its escalation is ' || r.state END AS reason
FROM incidents_incident i
LEFT JOIN notifications_escalationrun r ON r.incident_id = i.id AND r.episode = i.episode
WHERE i.status = 'open' AND i.suppressed_by IS NULL
  AND (i.snoozed_until IS NULL OR i.snoozed_until <= %(late)s)
  AND i.created_at <= %(late)s
  AND CASE
    WHEN r.id IS NULL THEN EXISTS (
        SELECT FROM notifications_escalationpolicy p
        WHERE p.workspace_id = i.workspace_id AND p.enabled AND p.version_id IS NOT NULL AND p.created_at <= i.created_at
          AND (p.is_default
               OR EXISTS (SELECT FROM notifications_servicepolicy s WHERE s.policy_id = p.id AND s.service_id = i.service_id)
               OR p.severities ? (ARRAY['info', 'low', 'medium', 'high', 'critical'])[i.severity]))
    WHEN r.version_id IS NULL OR r.state = 'stopped' THEN false
    WHEN r.state = 'active' THEN (r.next_step_at IS NULL OR r.next_step_at <= %(late)s) AND NOT EXISTS (
        SELECT FROM notifications_delivery d
        WHERE d.incident_id = i.id AND d.episode = i.episode AND d.purpose = 'page'
          AND (d.state IN ('pending', 'failed_temporary') AND d.due_at > %(late)s
               OR d.state = 'sending' AND d.claimed_until > %(late)s))
    WHEN r.state = 'exhausted' THEN NOT EXISTS (
        SELECT FROM notifications_delivery d
        WHERE d.incident_id = i.id AND d.episode = i.episode AND d.purpose = 'fallback')
      AND NOT EXISTS (
        SELECT FROM incidents_incident a
        WHERE a.workspace_id = i.workspace_id AND a.signal_type = 'escalation_exhausted'
          AND a.last_seen_at >= coalesce(r.level_at, r.started_at))
    ELSE true END
ORDER BY i.id LIMIT %(most)s
"""
# Pages that nobody sends: due long ago and not even tried, or claimed by a worker that is long dead.
_OVERDUE = """
SELECT d.id, d.workspace_id, i.name FROM notifications_delivery d LEFT JOIN incidents_incident i ON i.id = d.incident_id
WHERE d.purpose IN ('page', 'fallback')
  AND (d.state IN ('pending', 'failed_temporary') AND d.due_at <= %(late)s
       OR d.state = 'sending' AND d.claimed_until <= %(late)s)
ORDER BY d.id LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Violation:
    """An incident that the paging has lost sight of. *run_id* None: no run at all, or the fault is a page that nobody sends."""

    incident_id: int | None
    workspace_id: int
    name: str
    reason: str
    run_id: int | None = None
    fact: dict[str, Any] | None = None
    episode: int = 0


def audit(now: datetime) -> list[Violation]:
    """Look for violations, set the incidents' escalation going again, and keep the workspace's alarm up to date.

    The result is also put where /metrics and the heartbeat find it.
    """
    found = [*_lost(now), *_unsent(now)]
    _heal([violation for violation in found if violation.incident_id is not None], now)
    _alarm(found, now)
    cache.set(MARK, (now.timestamp(), len(found)), timeout=None)
    return found


def last_audit() -> tuple[datetime, int] | None:
    """When the last audit was, and how many violations it found; None: none since the cache began."""
    kept = cache.get(MARK)
    return (datetime.fromtimestamp(kept[0], UTC), kept[1]) if kept else None


def _lost(now: datetime) -> list[Violation]:
    with connection.cursor() as cursor:
        cursor.execute(_VIOLATIONS, {"late": now - GRACE, "most": MOST})
        rows = cursor.fetchall()
    return [
        Violation(
            pk,
            workspace_id,
            name,
            reason,
            run_id,
            {"incident_id": pk, "workspace_id": workspace_id, "service_id": service_id, "severity": severity},
            episode,
        )
        for pk, workspace_id, service_id, severity, episode, name, run_id, reason in rows
    ]


def _unsent(now: datetime) -> list[Violation]:
    with connection.cursor() as cursor:
        cursor.execute(_OVERDUE, {"late": now - GRACE, "most": MOST})
        rows = cursor.fetchall()
    return [
        Violation(None, workspace_id, name or "", f"nobody sends its page dlv-{pk:08x}")
        for pk, workspace_id, name in rows
    ]


def _heal(lost: Sequence[Violation], now: datetime) -> None:
    """Begin what was never begun, and make the rest due. What has moved on meanwhile is left alone."""
    if not lost:
        return
    with transaction.atomic():
        wanted = [violation.incident_id for violation in lost if violation.incident_id is not None]
        rows = Incident.objects.filter(pk__in=wanted, status=Status.OPEN).order_by("pk")
        free = set(rows.select_for_update(no_key=True, skip_locked=True).values_list("pk", flat=True))
        by_episode: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for violation in lost:
            if violation.run_id is None and violation.incident_id in free and violation.fact:
                by_episode[violation.episode].append(violation.fact)
        for episode, facts in by_episode.items():
            runs.begin(facts, now, episode)
        stuck = EscalationRun.objects.filter(
            pk__in=[violation.run_id for violation in lost if violation.run_id], incident_id__in=free
        )
        stuck.update(
            state=RunState.ACTIVE,
            next_step_at=now,
            wake=Case(
                When(state=RunState.EXHAUSTED, then=Value(Wake.EXHAUST)),
                When(state=RunState.ACTIVE, then="wake"),
                When(level__isnull=True, then=Value(Wake.STEP)),
                default=Value(Wake.RESUMED),
            ),
        )
        transaction.on_commit(doorbell.ring, robust=True)


def _alarm(found: Iterable[Violation], now: datetime) -> None:
    """One internal incident per workspace while something is wrong there; it ends by itself."""
    by_workspace: dict[int, list[Violation]] = defaultdict(list)
    for violation in found:
        by_workspace[violation.workspace_id].append(violation)
    for workspace_id, violations in by_workspace.items():
        named = [f"{violation.name}: {violation.reason}" for violation in violations[:NAMED]]
        more = [f"and {len(violations) - NAMED} more"] if len(violations) > NAMED else []
        internal.raise_internal(
            workspace_id=workspace_id,
            dedup_key=KEY,
            title=f"Paging lost sight of {len(violations)} incident{'s' if len(violations) > 1 else ''}",
            description="\n".join([*named, *more, "Their escalation was set going again."]),
            severity=Severity.CRITICAL,
            signal_type="paging_audit",
            now=now,
        )
    raised = Incident.objects.live().filter(signal_type="paging_audit", dedup_key=KEY)
    for workspace_id in raised.exclude(workspace_id__in=by_workspace).values_list("workspace_id", flat=True):
        internal.clear_internal(workspace_id=workspace_id, dedup_key=KEY, now=now)
