"""Event handlers of paging: each writes rows in the transaction of the event, for all its incidents at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aiops.access.events import WorkspaceEvent, WorkspaceFact
from aiops.access.models import Workspace
from aiops.kernel import events
from aiops.kernel.events import Event, Handler
from incidents.core.events import IncidentEvent, IncidentFact, PriorityFact
from notifications.delivery.events import DeliveryEvent, FallbackFact, StepFact
from notifications.delivery.models import Delivery
from notifications.delivery.services import owner_notices
from notifications.escalation.lifecycle import RunEvent
from notifications.escalation.services import assignments, defaults, fallback, runs
from notifications.oncall.events import SwapEvent, SwapFact
from notifications.oncall.models import ShiftSwap


def opened(facts: Sequence[IncidentFact], now: datetime) -> None:
    """``incident.opened``: who is to hear of it is decided by a run."""
    runs.begin(facts, now)


def acknowledged(facts: Sequence[IncidentFact], now: datetime) -> None:
    """``incident.acknowledged``, ``.investigating``: somebody has it."""
    runs.acknowledge(facts, now)
    runs.renew(facts, now)


def acted(facts: Sequence[IncidentFact], now: datetime) -> None:
    """``incident.noted``: whoever has it works on it."""
    runs.renew(facts, now)


def assigned(facts: Sequence[IncidentFact], now: datetime) -> None:
    """``incident.assigned``: whose it is now hears of it."""
    runs.renew(facts, now)
    assignments.notify(facts, now)


def priority_set(facts: Sequence[PriorityFact], now: datetime) -> None:
    """``incident.priority_set``: a rise is for people; a fall is work on it, and has a stopped policy ask its rules again."""
    fell = [fact for fact in facts if not fact.rose]
    runs.raise_priority([fact for fact in facts if fact.rose], now)
    runs.lower_priority(fell, now)
    runs.renew(fell, now)


def snoozed(facts: Sequence[IncidentFact], now: datetime) -> None:
    """``incident.snoozed``."""
    runs.pause(facts, now, "snoozed")


def unsnoozed(facts: Sequence[IncidentFact], now: datetime) -> None:
    """``incident.unsnoozed``: the silence is over."""
    runs.wake(facts, now, "the snooze ended")


def suppressed(facts: Sequence[IncidentFact], now: datetime) -> None:
    """``incident.suppressed``."""
    runs.pause(facts, now, "suppressed", RunEvent.SUPPRESSED)


def unsuppressed(facts: Sequence[IncidentFact], now: datetime) -> None:
    """``incident.unsuppressed``."""
    runs.wake(facts, now, "it is no longer suppressed", RunEvent.UNSUPPRESSED, RunEvent.UNSUPPRESSED_HELD)


def unacknowledged(facts: Sequence[IncidentFact], now: datetime) -> None:
    """``incident.unacknowledged``: nobody has it any more."""
    runs.give_back(facts, now, "nobody has it any more")


def severity_raised(facts: Sequence[IncidentFact], now: datetime) -> None:
    """``incident.severity_raised``: policy, steps and routes are asked anew."""
    runs.urge(facts, now, RunEvent.SEVERITY_RAISED)


def escalated(facts: Sequence[IncidentFact], now: datetime) -> None:
    """``incident.escalated``: somebody wants the next level."""
    runs.urge(facts, now, RunEvent.ESCALATED)


def resolved(facts: Sequence[IncidentFact], now: datetime) -> None:
    """``incident.resolved``."""
    runs.end(facts, now, "resolved")


def closed(facts: Sequence[IncidentFact], now: datetime) -> None:
    """``incident.closed``: also without having been resolved before."""
    runs.end(facts, now, "closed")


def reopened(facts: Sequence[IncidentFact], now: datetime) -> None:
    """``incident.reopened``: a new run, over what the policy in force says now."""
    runs.begin(facts, now, episode=None)


def set_up_workspaces(facts: Sequence[WorkspaceFact], now: datetime) -> None:
    """``workspace.created``: each new workspace starts with routes and a policy."""
    for workspace in Workspace.objects.filter(pk__in=[fact.workspace_id for fact in facts]).order_by("pk"):
        defaults.ensure_paging(workspace, now)


def step_unreached(facts: Sequence[StepFact], now: datetime) -> None:
    """``delivery.step_unreached``: the run goes on at once instead of waiting for an answer."""
    for fact in facts:
        runs.unreached(fact.incident_id, fact.episode, fact.step, now)


def fallback_failed(facts: Sequence[FallbackFact], now: datetime) -> None:
    """``delivery.fallback_failed``: where nothing of the end arrives, the admins are notified."""
    for delivery in Delivery.objects.filter(pk__in=[fact.delivery_id for fact in facts]).order_by("pk"):
        if delivery.incident_id is not None:
            fallback.undelivered(delivery, delivery.incident_id, now)


def swap_asked(facts: Sequence[SwapFact], now: datetime) -> None:
    """``swap.asked``: the people who are asked are notified."""
    for fact, swap in _swaps(facts):
        owner_notices.swap_asked(swap, fact.asked, now)


def swap_accepted(facts: Sequence[SwapFact], now: datetime) -> None:
    """``swap.accepted``: the person who asked is notified."""
    for fact, swap in _swaps(facts):
        owner_notices.swap_accepted(swap, fact.by, now)


def swap_declined(facts: Sequence[SwapFact], now: datetime) -> None:
    """``swap.declined``: the person who asked is notified."""
    for fact, swap in _swaps(facts):
        owner_notices.swap_declined(swap, fact.by, now)


def _swaps(facts: Sequence[SwapFact]) -> list[tuple[SwapFact, ShiftSwap]]:
    swaps = ShiftSwap.objects.select_related("schedule", "requester").in_bulk([fact.swap_id for fact in facts])
    return [(fact, swaps[fact.swap_id]) for fact in facts if fact.swap_id in swaps]


SUBSCRIPTIONS: dict[Event, Handler] = {
    WorkspaceEvent.CREATED: set_up_workspaces,
    IncidentEvent.OPENED: opened,
    IncidentEvent.ACKNOWLEDGED: acknowledged,
    IncidentEvent.INVESTIGATING: acknowledged,
    IncidentEvent.NOTED: acted,
    IncidentEvent.ASSIGNED: assigned,
    IncidentEvent.PRIORITY_SET: priority_set,
    IncidentEvent.SNOOZED: snoozed,
    IncidentEvent.UNSNOOZED: unsnoozed,
    IncidentEvent.SUPPRESSED: suppressed,
    IncidentEvent.UNSUPPRESSED: unsuppressed,
    IncidentEvent.UNACKNOWLEDGED: unacknowledged,
    IncidentEvent.SEVERITY_RAISED: severity_raised,
    IncidentEvent.ESCALATED: escalated,
    IncidentEvent.RESOLVED: resolved,
    IncidentEvent.CLOSED: closed,
    IncidentEvent.REOPENED: reopened,
    DeliveryEvent.STEP_UNREACHED: step_unreached,
    DeliveryEvent.FALLBACK_FAILED: fallback_failed,
    SwapEvent.ASKED: swap_asked,
    SwapEvent.ACCEPTED: swap_accepted,
    SwapEvent.DECLINED: swap_declined,
}


def subscribe() -> None:
    """Listen to incidents, deliveries and swaps (``AppConfig.ready``)."""
    for event, handler in SUBSCRIPTIONS.items():
        events.subscribe(event, handler)
