"""Runs whose incident became more urgent: the sweep asks anew for the policy in force, and calls nobody twice within
minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import F

from notifications.choices import DeliveryState, Purpose, Urgency, WakeReason
from notifications.delivery.models import Delivery
from notifications.delivery.selectors.recipients import Recipient
from notifications.delivery.timeline import PagingKind
from notifications.escalation.definition import Definition
from notifications.escalation.moves import MOMENT, taken_over
from notifications.escalation.selectors import in_force
from notifications.escalation.services.work import Outcome, Work

NEVER_CALLED = (DeliveryState.FAILED_PERMANENT, DeliveryState.SUPPRESSED)


def ask_anew(works: Sequence[Work], outcome: Outcome, now: datetime) -> None:
    """For the *works* that rose, or have no policy: where another one is in force now, it takes over. Else the run keeps its
    version. Three statements at most."""
    risen = [
        work for work in works if work.run.risen or (work.run.version is None and work.run.wake != WakeReason.OPENED)
    ]
    if not risen:
        return
    _remember_called(
        [work for work in risen if work.run.wake in (WakeReason.SEVERITY_RAISED, WakeReason.PRIORITY_RAISED)], now
    )
    found = in_force.ask(
        in_force.Question(work.run.pk, work.run.workspace_id, work.incident.service_id, work.facts.severity)
        for work in risen
    )
    changed = [work for work in risen if work.run.pk in found and _policy_of(work) != found[work.run.pk][0]]
    versions = in_force.versions({found[work.run.pk][1] for work in changed}) if changed else {}
    for work in changed:
        run, before = work.run, work.run.version
        run.version = versions[found[run.pk][1]]
        work.definition = Definition.of_json(run.version.definition)
        work.stands_at(taken_over(run.position))
        run.anew_at = now
        said = f"{run.version.policy} takes over" + (f" from {before.policy}" if before is not None else "")
        outcome.note(work, PagingKind.ESCALATION_RESUMED, said, now, "it became more urgent")


def was_called(work: Work, call: Recipient, urgency: Urgency) -> bool:
    """Whether *call* would be the second within a moment, and no more urgent than the first."""
    before = work.called.get((call.user_id, None) if call.user_id is not None else (None, call.destination_id))
    return before is not None and (before == Urgency.HIGH or urgency == Urgency.LOW)


def _remember_called(works: Sequence[Work], now: datetime) -> None:
    """Whom the *works*, which rose while they paged, have called within the last moment, and how urgently."""
    by_incident = {work.incident.pk: work for work in works}
    if not by_incident:
        return
    pages = Delivery.objects.filter(
        incident__in=by_incident,
        episode=F("incident__episode"),
        purpose=Purpose.PAGE,
        due_at__gt=now - MOMENT,
        due_at__lte=now,
    )
    rows = pages.exclude(state__in=NEVER_CALLED).order_by("pk")
    found: dict[int, dict[tuple[int | None, int | None], Urgency]] = {}
    for pk, user_id, destination_id, urgency in rows.values_list(
        "incident_id", "recipient_id", "destination_id", "urgency"
    ):
        whom = (user_id, None) if user_id is not None else (None, destination_id)
        called = found.setdefault(pk or 0, {})
        called[whom] = Urgency.HIGH if called.get(whom) == Urgency.HIGH else Urgency(urgency)
    for pk, called in found.items():
        by_incident[pk].called = called


def _policy_of(work: Work) -> int | None:
    return work.run.version.policy_id if work.run.version is not None else None
