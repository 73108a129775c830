"""What paging does when something happens to incidents: rows, in the same transaction, for all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aiops.access.models import Workspace
from aiops.kernel import events
from aiops.kernel.events import Fact
from notifications.choices import Wake
from notifications.services import assignments, defaults, runs


def opened(facts: Sequence[Fact], now: datetime) -> None:
    """``incident.opened``: who is to hear of it is decided by a run."""
    runs.begin(facts, now)


def acknowledged(facts: Sequence[Fact], now: datetime) -> None:
    """``incident.acknowledged``, ``.investigating``: somebody has it."""
    runs.acknowledge(facts, now)
    runs.renew(facts, now)


def acted(facts: Sequence[Fact], now: datetime) -> None:
    """Somebody works on it."""
    runs.renew(facts, now)


def assigned(facts: Sequence[Fact], now: datetime) -> None:
    """``incident.assigned``: whose it is now hears of it."""
    runs.renew(facts, now)
    assignments.tell(facts, now)


def snoozed(facts: Sequence[Fact], now: datetime) -> None:
    """``incident.snoozed``."""
    runs.pause(facts, now, "snoozed")


def unsnoozed(facts: Sequence[Fact], now: datetime) -> None:
    """``incident.unsnoozed``: the silence is over."""
    runs.resume(facts, now, "the snooze ended")


def unacknowledged(facts: Sequence[Fact], now: datetime) -> None:
    """``incident.unacknowledged``: nobody has it any more."""
    runs.resume(facts, now, "nobody has it any more")


def severity_raised(facts: Sequence[Fact], now: datetime) -> None:
    """``incident.severity_raised``: what was known is not what is."""
    runs.hurry(facts, now, Wake.SEVERITY_RAISED)


def escalated(facts: Sequence[Fact], now: datetime) -> None:
    """``incident.escalated``: somebody wants the next level."""
    runs.hurry(facts, now, Wake.ESCALATED)


def resolved(facts: Sequence[Fact], now: datetime) -> None:
    """``incident.resolved``."""
    runs.end(facts, now, "resolved")


def closed(facts: Sequence[Fact], now: datetime) -> None:
    """``incident.closed``: also without having been resolved before."""
    runs.end(facts, now, "closed")


def reopened(facts: Sequence[Fact], now: datetime) -> None:
    """``incident.reopened``."""
    runs.begin_episode(facts, now)


def set_up_workspaces(facts: Sequence[Fact], now: datetime) -> None:
    """``workspace.created``: each new workspace starts with routes and a policy."""
    for workspace in Workspace.objects.filter(pk__in=[fact["workspace_id"] for fact in facts]).order_by("pk"):
        defaults.ensure_paging(workspace, now)


SUBSCRIPTIONS = {
    "workspace.created": set_up_workspaces,
    "incident.opened": opened,
    "incident.acknowledged": acknowledged,
    "incident.investigating": acknowledged,
    "incident.noted": acted,
    "incident.assigned": assigned,
    "incident.priority_set": acted,
    "incident.snoozed": snoozed,
    "incident.unsnoozed": unsnoozed,
    "incident.unacknowledged": unacknowledged,
    "incident.severity_raised": severity_raised,
    "incident.escalated": escalated,
    "incident.resolved": resolved,
    "incident.closed": closed,
    "incident.reopened": reopened,
}


def subscribe() -> None:
    """Listen to incidents (``AppConfig.ready``)."""
    for event, handler in SUBSCRIPTIONS.items():
        events.subscribe(event, handler)
