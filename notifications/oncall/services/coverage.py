"""Gaps ahead: each schedule is searched for the next 30 days, and an internal incident reports times without a holder.

There is one incident for each schedule. It opens (or counts) once for each gap, and again, as high, when a gap is less
than a day away. It resolves when no gap is left. Gaps that the fallback person covers are shown on the pages only.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction

from incidents.choices import Severity
from incidents.ingest.services import internal
from incidents.upkeep.services import upkeep
from notifications import oncall
from notifications.choices import SCOPE
from notifications.oncall import Span
from notifications.oncall.models import Schedule
from notifications.oncall.selectors.schedules import load
from notifications.oncall.services import departures

AHEAD = timedelta(days=30)
SOON = timedelta(days=1)
NAMED = 10  # gaps in the incident's text


def watch(now: datetime) -> int:
    """Look through every schedule that is watched; returns how many have gaps that nobody covers."""
    departures.note(now)
    watched = list(
        Schedule.objects.filter(alert_on_gaps=True, layers__retired_at=None, layers__isnull=False).distinct()
    )
    found: list[bool] = []
    upkeep.each(watched, lambda schedule: found.append(_look(schedule, now)), of=_subject_of, now=now)
    no_more = Schedule.objects.exclude(reported_gaps=[]).exclude(pk__in=[row.pk for row in watched])
    upkeep.each(no_more, lambda schedule: _tell(schedule, [], now), of=_subject_of, now=now)
    return sum(found)


def _look(schedule: Schedule, now: datetime) -> bool:
    spec = load([schedule.pk], now, now + AHEAD)[schedule.pk]
    open_gaps = [gap for gap in oncall.gaps(spec, now, now + AHEAD) if not gap.fallback]
    _tell(schedule, open_gaps, now)
    return bool(open_gaps)


def _subject_of(schedule: Schedule) -> upkeep.Subject:
    return upkeep.Subject(
        f"coverage:{schedule.pk}", f"The look for gaps in the schedule {schedule.name}", schedule.workspace_id
    )


def dedup_key(schedule_id: int) -> str:
    """By which the incident of a schedule's gaps is known."""
    return f"oncall-gap:{schedule_id}"


def _tell(schedule: Schedule, gaps: Sequence[Span], now: datetime) -> None:
    ahead = now + AHEAD
    ends = {gap.end.isoformat() for gap in gaps if gap.end < ahead} | {"on" for gap in gaps if gap.end >= ahead}
    soon = {f"{gap.end.isoformat()} soon" for gap in gaps if gap.start < now + SOON}
    told = sorted(ends | soon)
    if told == sorted(schedule.reported_gaps):
        return
    with transaction.atomic():
        locked = Schedule.objects.select_for_update(no_key=True).filter(pk=schedule.pk).first()
        if locked is None or locked.reported_gaps != schedule.reported_gaps:
            return  # somebody else is at it
        Schedule.objects.filter(pk=schedule.pk).update(reported_gaps=told)
        if not gaps:
            internal.clear_internal(
                scope=SCOPE, workspace_id=schedule.workspace_id, dedup_key=dedup_key(schedule.pk), now=now
            )
        elif set(told) - set(schedule.reported_gaps):
            internal.raise_internal(
                scope=SCOPE,
                workspace_id=schedule.workspace_id,
                dedup_key=dedup_key(schedule.pk),
                title=f"Nobody is on call: {schedule.name}, from {_local(schedule, gaps[0].start)}",
                description=_description(schedule, gaps),
                severity=Severity.HIGH if soon else Severity.MEDIUM,
                signal_type="oncall_gap",
                now=now,
            )


def _description(schedule: Schedule, gaps: Sequence[Span]) -> str:
    lines = [f"From {_local(schedule, gap.start)} to {_local(schedule, gap.end)}" for gap in gaps[:NAMED]]
    more = [f"and {len(gaps) - NAMED} more"] if len(gaps) > NAMED else []
    intro = f"In the next {AHEAD.days} days the schedule {schedule.name} has nobody on call:"
    return "\n".join([intro, *lines, *more, f"Times in {schedule.time_zone}."])


def _local(schedule: Schedule, at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo(schedule.time_zone)):%a %-d %b %H:%M}"
