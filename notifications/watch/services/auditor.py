"""The auditor: finds forgotten incidents. It shares tables with the sweeps that it watches, and no code.

The invariant: every open incident that is neither snoozed nor suppressed, and for which there is a policy, has a next
step that is not overdue; or its policy has run out and an alarm of this very end is live; or a stop rule of the policy
still holds for it. An acknowledgement ends when the policy says so. No page is overdue. Where the invariant fails, an
internal incident names the incidents and their escalation is started again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.core.cache import cache
from django.db import connection, transaction

from aiops.access.actors import SYSTEM
from incidents.choices import Severity, Status
from incidents.core.events import IncidentFact
from incidents.core.models import Incident
from incidents.ingest.services import internal
from incidents.upkeep.services import upkeep
from notifications.choices import SCOPE
from notifications.escalation.lifecycle import RunEvent
from notifications.escalation.services import runs

GRACE = timedelta(minutes=2)  # a sweep comes every few seconds; what is later than this is late
NAMED = 20  # incidents that an alarm names
MOST = 1000  # violations that one audit looks at
MARK = "aiops:audit"  # cache: (epoch seconds of the last audit, violations)
KEY = "paging audit"

# Why each incident violates the invariant; one that does not is no row. Incidents of the last moments are left to the handler's
# second chance. An alarm is the internal incident that the run names; the platform's own incidents raise none, and have a message
# to the fallback in the run's round instead. A run without a version says that there was no policy when it began.
_VIOLATIONS = """
WITH open_runs AS (
    SELECT i.id, i.workspace_id, i.service_id, i.severity, i.priority, i.source_id, i.episode, i.name, i.status, i.created_at,
        greatest(i.created_at, i.severity_raised_at) AS judged_at,
        (ARRAY['info', 'low', 'medium', 'high', 'critical'])[i.severity] AS word,
        r.id AS run_id, r.version_id, r.state, r.next_step_at, r.alarm_id, r.round, r.anew_at, r.forced, r.reason AS why,
        v.definition, v.definition -> 'steps' -> r.step AS step
    FROM incidents_incident i
    LEFT JOIN notifications_escalationrun r ON r.incident_id = i.id AND r.episode = i.episode
    LEFT JOIN notifications_policyversion v ON v.id = r.version_id
    WHERE i.status IN ('open', 'acknowledged', 'investigating') AND i.suppressed_by IS NULL
      AND (i.snoozed_until IS NULL OR i.snoozed_until <= %(late)s) AND i.created_at <= %(late)s
), judged AS (
    SELECT o.*, CASE
        WHEN o.status <> 'open' THEN
            CASE WHEN (o.definition ->> 'acknowledge_minutes') IS NULL OR o.next_step_at > %(late)s THEN NULL
                WHEN o.next_step_at IS NULL THEN 'its acknowledgement never runs out'
                ELSE 'its acknowledgement should have run out' END
        WHEN o.version_id IS NULL AND (o.run_id IS NULL OR o.state = 'stopped') THEN
            CASE WHEN EXISTS (
                SELECT FROM notifications_escalationpolicy p
                WHERE p.workspace_id = o.workspace_id AND p.enabled AND p.version_id IS NOT NULL
                  AND p.created_at <= CASE WHEN o.run_id IS NULL THEN o.created_at ELSE o.judged_at END
                  AND (o.run_id IS NULL OR o.judged_at > o.created_at)
                  AND (p.is_default OR p.severities ? o.word OR EXISTS (
                      SELECT FROM notifications_servicepolicy s WHERE s.policy_id = p.id AND s.service_id = o.service_id)))
                THEN 'it has no escalation' END
        WHEN o.next_step_at > %(late)s THEN NULL
        WHEN o.next_step_at IS NOT NULL THEN 'its next step is overdue'
        WHEN o.state = 'active' THEN 'its escalation has no next step'
        WHEN o.state = 'stopped' THEN CASE WHEN NOT (
                NOT o.forced AND coalesce(array_position(ARRAY['info', 'low', 'medium', 'high', 'critical'],
                    o.definition -> 'stop' ->> 'below_severity') > o.severity, false)
                OR coalesce(o.anew_at + (o.definition -> 'stop' ->> 'after_minutes')::int * interval '1 minute'
                    <= %(late)s + %(grace)s, false)
                OR NOT o.forced AND coalesce(o.step ->> 'otherwise' = 'stop' AND (
                    o.step -> 'conditions' -> 'severities' <> '[]' AND NOT o.step -> 'conditions' -> 'severities' ? o.word
                    OR o.step -> 'conditions' -> 'priorities' <> '[]'
                        AND NOT o.step -> 'conditions' -> 'priorities' ? ('P' || o.priority)
                    OR o.step -> 'conditions' -> 'window' <> 'null' AND o.why LIKE 'only %%'), false))
            THEN 'the rule that stopped its escalation no longer holds' END
        WHEN o.state = 'exhausted' AND o.version_id IS NULL THEN NULL
        WHEN o.state = 'exhausted' AND EXISTS (
            SELECT FROM incidents_source s WHERE s.id = o.source_id AND s.kind = 'internal') THEN
            CASE WHEN NOT EXISTS (
                SELECT FROM notifications_delivery d WHERE d.incident_id = o.id AND d.episode = o.episode
                  AND d.round = o.round AND d.purpose = 'fallback')
            THEN 'its policy ran out and no alarm was raised' END
        WHEN o.state = 'exhausted' THEN CASE
            WHEN EXISTS (
                SELECT FROM incidents_incident a
                WHERE a.id = o.alarm_id AND a.status IN ('open', 'acknowledged', 'investigating')) THEN NULL
            WHEN o.alarm_id IS NOT NULL THEN 'its policy ran out and the alarm was ended'
            ELSE 'its policy ran out and no alarm was raised' END
        ELSE 'it is open, and its escalation is ' || o.state END AS reason
    FROM open_runs o
)
SELECT id, workspace_id, service_id, severity, status, name, reason FROM judged WHERE reason IS NOT NULL
ORDER BY id LIMIT %(most)s
"""
# Pages that nobody sends: due long ago and not even tried, or claimed by a worker that is long dead.
_OVERDUE = """
SELECT d.id, d.workspace_id, i.name FROM notifications_delivery d LEFT JOIN incidents_incident i ON i.id = d.incident_id
WHERE d.purpose IN ('page', 'fallback')
  AND (d.state IN ('pending', 'failed_temporary') AND d.due_at <= %(late)s
       OR d.state = 'sending' AND d.claimed_until <= %(late)s)
ORDER BY d.id LIMIT %(most)s
"""


LEASE_OVERDUE = "its acknowledgement should have run out"  # due already: only the sweep is late
ALARM_ENDED = (
    "its policy ran out and the alarm was ended"  # by somebody: nothing is wrong with the paging, the alarm returns
)


@dataclass(frozen=True, slots=True)
class Violation:
    """An incident that the paging has lost sight of. *fact* None: the fault is a page that nobody sends."""

    workspace_id: int
    name: str
    reason: str
    fact: IncidentFact | None = None
    is_open: bool = True


def audit(now: datetime) -> list[Violation]:
    """Look for violations, set the incidents' escalation going again, and keep the workspace's alarm up to date.

    The result is also put where /metrics and the heartbeat find it.
    """
    lost = violations(now)
    if lost:
        upkeep.together(lost, partial(_heal, now=now), of=_subject_of, now=now)
    found = [*(violation for violation in lost if violation.reason != ALARM_ENDED), *_unsent(now)]
    _alarm(found, now)
    cache.set(MARK, (now.timestamp(), len(found)), timeout=None)
    return found


def last_audit() -> tuple[datetime, int] | None:
    """When the last audit was, and how many violations it found; None: none since the cache began."""
    kept = cache.get(MARK)
    return (datetime.fromtimestamp(kept[0], UTC), kept[1]) if kept else None


def violations(now: datetime, grace: timedelta = GRACE) -> list[Violation]:
    """The live incidents for which nothing would happen any more, as they are *grace* after they should have moved."""
    values: dict[str, Any] = {"late": now - grace, "grace": grace, "most": MOST}
    with connection.cursor() as cursor:
        cursor.execute(_VIOLATIONS, values)
        rows = cursor.fetchall()
    return [
        Violation(
            workspace_id,
            name,
            reason,
            IncidentFact(
                incident_id=pk,
                workspace_id=workspace_id,
                service_id=service_id,
                severity=severity,
                actor=SYSTEM.ref,
            ),
            status == Status.OPEN,
        )
        for pk, workspace_id, service_id, severity, status, name, reason in rows
    ]


def _unsent(now: datetime) -> list[Violation]:
    with connection.cursor() as cursor:
        cursor.execute(_OVERDUE, {"late": now - GRACE, "most": MOST})
        rows = cursor.fetchall()
    return [
        Violation(workspace_id, name or "", f"nobody sends its page dlv-{pk:08x}") for pk, workspace_id, name in rows
    ]


def _subject_of(violation: Violation) -> upkeep.Subject:
    what = f"The escalation of {violation.name}, which was to be set going again,"
    return upkeep.Subject(
        f"audit:{violation.workspace_id}:{violation.name}",
        what,
        violation.workspace_id,
        Severity.HIGH,
        gone=upkeep.OFTEN,
    )


def _heal(lost: Sequence[Violation], now: datetime) -> int:
    """Begin what was never begun, and make the rest due, as the table says. What others have in hand comes next time.
    Returns how many were looked at."""
    mended = (violation for violation in lost if violation.reason != LEASE_OVERDUE)
    facts = {violation.fact.incident_id: violation for violation in mended if violation.fact}
    with transaction.atomic():
        rows = Incident.objects.live().filter(pk__in=facts).order_by("pk")
        free = rows.select_for_update(no_key=True, skip_locked=True).values_list("pk", "status")
        by_event: dict[RunEvent, list[IncidentFact]] = defaultdict(list)
        for pk, status in free:
            event = RunEvent.FOUND_LOST if status == Status.OPEN else RunEvent.FOUND_HELD
            fact = facts[pk].fact
            if fact is not None and facts[pk].is_open == (status == Status.OPEN):
                by_event[event].append(fact)
        for event, found in by_event.items():
            runs.heal(found, now, event)
    return len(lost)


def _alarm(found: Iterable[Violation], now: datetime) -> None:
    """One internal incident per workspace while something is wrong there; it ends by itself."""
    by_workspace: dict[int, list[Violation]] = defaultdict(list)
    for violation in found:
        by_workspace[violation.workspace_id].append(violation)
    upkeep.each(
        by_workspace,
        lambda workspace_id: _raise(workspace_id, by_workspace[workspace_id], now),
        of=lambda workspace_id: upkeep.Subject(f"audit:alarm:{workspace_id}", "The auditor's alarm", workspace_id),
        now=now,
    )
    raised = Incident.objects.live().filter(signal_type="paging_audit", dedup_key=KEY)
    over = raised.exclude(workspace_id__in=by_workspace).values_list("workspace_id", flat=True)
    upkeep.each(
        over,
        lambda workspace_id: internal.clear_internal(scope=SCOPE, workspace_id=workspace_id, dedup_key=KEY, now=now),
        of=lambda workspace_id: upkeep.Subject(f"audit:alarm:{workspace_id}", "The auditor's alarm", workspace_id),
        now=now,
    )


def _raise(workspace_id: int, violations: Sequence[Violation], now: datetime) -> None:
    named = [f"{violation.name}: {violation.reason}" for violation in violations[:NAMED]]
    more = [f"and {len(violations) - NAMED} more"] if len(violations) > NAMED else []
    internal.raise_internal(
        scope=SCOPE,
        workspace_id=workspace_id,
        dedup_key=KEY,
        title=f"Paging lost sight of {len(violations)} incident{'s' if len(violations) > 1 else ''}",
        description="\n".join([*named, *more, "Their escalation was set going again."]),
        severity=Severity.CRITICAL,
        signal_type="paging_audit",
        now=now,
    )
