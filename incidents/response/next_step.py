"""The next step of an incident if nobody acts, as text for a row or a page. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from incidents.choices import LIVE, RESPONSE, Priority, Status


@dataclass(frozen=True, slots=True)
class NextStep:
    """*text*, then *at* as a time in *style*; *tone* is now, due, late or calm."""

    text: str
    at: datetime | None = None
    style: str = ""
    tone: str = "calm"


URGENCY = ("late", "now", "due", "calm")  # tones, the most urgent first


def most_urgent(steps: Sequence[NextStep]) -> NextStep:
    """The one of *steps* that a row has room for: by its tone, then the sooner one, then the one that was said first."""
    return min(steps, key=lambda step: (URGENCY.index(step.tone), step.at or _NO_TIME))


_NO_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Situation:
    """What :func:`next_step` goes by; the fields are those of an incident."""

    status: Status
    priority: Priority
    created_at: datetime
    episode: int = 0
    snoozed_until: datetime | None = None
    suppressed_by: dict | None = None
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None


def next_step(it: Situation, now: datetime, close_after: timedelta) -> NextStep:
    """The next thing that will happen, or that somebody has to do. *close_after* 0: resolved ones are never closed."""
    if it.status not in LIVE:
        return _after_the_end(it, close_after)
    if it.suppressed_by is not None:
        reason = (
            it.suppressed_by.get("name") or it.suppressed_by.get("reason") or it.suppressed_by.get("kind") or "a rule"
        )
        return NextStep(f"silent: {reason}")
    if it.snoozed_until is not None and it.snoozed_until > now:
        return NextStep("wakes", it.snoozed_until, "clock")
    if it.status == Status.ACKNOWLEDGED:
        return NextStep("taken", it.acknowledged_at, "past")
    if it.status == Status.INVESTIGATING:
        return NextStep("taken", it.acknowledged_at, "past") if it.acknowledged_at else NextStep("being looked at")
    within = RESPONSE[it.priority]
    if not within or it.episode:  # immediate, or it came back
        return NextStep("answer now", tone="now")
    due = it.created_at + within
    return NextStep("due", due, "until", "late" if due <= now else "due")


def _after_the_end(it: Situation, close_after: timedelta) -> NextStep:
    if it.status == Status.CLOSED:
        return NextStep("closed", it.closed_at, "past")
    if close_after and it.resolved_at is not None:
        return NextStep("closes", it.resolved_at + close_after, "clock")
    return NextStep("resolved", it.resolved_at, "past")
