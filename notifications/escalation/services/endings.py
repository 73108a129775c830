"""The end of an escalation without an answer: the fallback is notified, and an internal incident (the alarm) opens.

Both are as urgent as their incidents: a message about a low incident waits for quiet hours like that incident's pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import F, Q

from incidents.choices import PRIORITY_OF, Severity, SourceKind, Status
from incidents.core.models import Incident
from incidents.ingest.services import internal
from incidents.upkeep.services import upkeep
from notifications.choices import (
    MACHINES,
    NO_POLICY,
    NO_STEP,
    NOTIFIED,
    SCOPE,
    UNANSWERED,
    UNREACHED,
    DeliveryState,
    Purpose,
    RunState,
    Urgency,
)
from notifications.delivery.models import Delivery
from notifications.delivery.selectors.recipients import Recipients
from notifications.delivery.timeline import PagingKind
from notifications.escalation.lifecycle import RunEvent
from notifications.escalation.models import EscalationPolicy, EscalationRun
from notifications.escalation.moves import urgency_at_the_end, why_exhausted
from notifications.escalation.services import fallback
from notifications.escalation.services.work import Outcome, Work

EXHAUSTED = "escalation_exhausted"  # the signal type of the alarm
NAMED = 20  # incidents that an alarm names
SETTLED = timedelta(minutes=1)  # after which the runs that an alarm is about are known to name it
TITLES = {  # of an alarm, by why the policy has run out
    UNANSWERED: "Nobody answered: escalation policy “{policy}” has run out",
    UNREACHED: "Nobody could be reached: escalation policy “{policy}” has run out",
    NO_STEP: "Nobody is told: no step of escalation policy “{policy}” applies",
}


def remember_notified_people(works: Sequence[Work], outcome: Outcome, now: datetime) -> None:
    """Of which incidents, of those whose policy runs out now, a page reached somebody, or is about to. Machines are nobody."""
    ended = [work.incident.pk for work in works if work.move is not None and work.move.exhausted]
    if not ended:
        return
    reaches = Q(state__in=NOTIFIED) | Q(state__in=(DeliveryState.PENDING, DeliveryState.SENDING), due_at__lte=now)
    pages = Delivery.objects.filter(
        reaches, incident__in=ended, episode=F("incident__episode"), purpose=Purpose.PAGE
    ).exclude(kind__in=MACHINES)
    outcome.notified_people = {pk for pk in pages.values_list("incident_id", flat=True).distinct() if pk is not None}


def run_out(work: Work, outcome: Outcome, now: datetime) -> None:
    """No step of the policy is left."""
    assert work.definition is not None and work.move is not None
    reason = why_exhausted(work.move, anybody_was_told=work.incident.pk in outcome.notified_people)
    _end(work, reason, urgency_at_the_end(work.definition, work.move.position, work.facts), outcome, now)


def without_policy(work: Work, outcome: Outcome, now: datetime) -> None:
    """Somebody asks for people, and no policy is in force."""
    _end(work, NO_POLICY, Urgency.HIGH, outcome, now)


def raise_alarms(outcome: Outcome, now: datetime) -> None:
    """An internal incident per policy that ran out. The platform's own incidents raise none: that would never end.

    After the transaction, since it would wait for the alarm's incident while holding others. The fallback's messages are safe
    by then; where a worker dies here, the auditor has the end come again.
    """
    by_policy: dict[EscalationPolicy, list[tuple[Work, Urgency]]] = {}
    for work, urgency in outcome.exhausted:
        internal_one = work.incident.source is not None and work.incident.source.kind == SourceKind.INTERNAL
        if work.run.version is not None and not internal_one:
            by_policy.setdefault(work.run.version.policy, []).append((work, urgency))
    for policy, those in by_policy.items():
        works = [work for work, _ in those]
        named = [f"{work.incident.name} {work.incident.title}: {work.run.reason}." for work in works[:NAMED]]
        more = [f"And {len(works) - NAMED} more."] if len(works) > NAMED else []
        worst = max(Severity(work.incident.severity) for work in works)
        if any(urgency == Urgency.HIGH for _, urgency in those):
            worst = max(worst, Severity.HIGH)
        reasons = {work.run.reason for work in works}
        alarm = internal.raise_internal(
            scope=SCOPE,
            workspace_id=policy.workspace_id,
            dedup_key=f"exhausted:{policy.pk}",
            title=next(title for reason, title in TITLES.items() if reason in reasons).format(policy=policy.name),
            description="\n".join([*named, *more]),
            severity=worst,
            priority=PRIORITY_OF[worst],
            signal_type=EXHAUSTED,
            labels={"incident": works[0].incident.name, "policy": policy.name},
            now=now,
        )
        still = EscalationRun.objects.filter(pk__in=[work.run.pk for work in works], state=RunState.EXHAUSTED)
        still.update(alarm_id=alarm.incident_id)


def end_alarms(now: datetime) -> int:
    """End the alarms behind which no incident waits for anybody any more: each is over, is somebody's, or is silent. Who was to
    hear next that nobody answered is not woken for that. Returns how many were looked at and ended."""
    raised = Incident.objects.live().filter(
        signal_type=EXHAUSTED, source__kind=SourceKind.INTERNAL, last_seen_at__lte=now - SETTLED
    )
    alarms = {alarm.pk: alarm for alarm in raised.only("pk", "workspace_id", "dedup_key")}
    if not alarms:
        return 0
    awake = Q(incident__snoozed_until__isnull=True) | Q(incident__snoozed_until__lte=now)
    waiting = EscalationRun.objects.filter(
        awake,
        alarm_id__in=alarms,
        episode=F("incident__episode"),
        incident__status=Status.OPEN,
        incident__suppressed_by__isnull=True,
    )
    over = alarms.keys() - set(waiting.values_list("alarm_id", flat=True))
    return upkeep.each(
        [alarms[pk] for pk in sorted(over)],
        lambda alarm: internal.clear_internal(
            scope=SCOPE, workspace_id=alarm.workspace_id, dedup_key=alarm.dedup_key, now=now
        ),
        of=lambda alarm: upkeep.Subject(
            f"exhausted:{alarm.pk}", "The end of an escalation's alarm", alarm.workspace_id
        ),
        now=now,
    )


def _end(work: Work, reason: str, urgency: Urgency, outcome: Outcome, now: datetime) -> None:
    run = work.run
    who = str(run.version.policy) if run.version is not None else "The escalation"
    said = f"{who} has run out" if reason in (UNANSWERED, UNREACHED) else f"{who} tells nobody"
    work.moves(RunEvent.RAN_OUT, now, reason=reason)
    outcome.note(work, PagingKind.ESCALATION_EXHAUSTED, said, now, reason)
    run.round, run.alarm_id = run.round + 1, None  # escalated by hand after that, it is said once more
    reached = _last_resort(work, urgency, outcome, now)
    outcome.intents += fallback.intents(work.about, reached, urgency, reason, run.round, now)
    outcome.exhausted.append((work, urgency))
    outcome.escalated.append(run.incident_id)


def _last_resort(work: Work, urgency: Urgency, outcome: Outcome, now: datetime) -> Recipients:
    """Who hears it; asked once per batch for all runs that end alike."""
    key = (work.run.workspace_id, work.definition.fallback if work.definition is not None else (), urgency)
    if key not in outcome.last_resorts:
        outcome.last_resorts[key] = fallback.recipients(work.definition, work.run.workspace_id, urgency, now)
    return outcome.last_resorts[key]
