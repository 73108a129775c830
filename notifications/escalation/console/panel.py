"""The escalation panel of an incident's page: the run's state, the next step, and every message with its outcome.

It fills the slot ``PANELS``. Buttons and timeline around it belong to the incident page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from incidents.choices import Status
from incidents.core.models import Incident, TimelineEntry
from incidents.response.console.rows import who_has
from incidents.response.next_step import NextStep
from notifications.choices import MACHINES, NOTIFIED, ChannelKind, DeliveryState, Purpose, RunState, WakeReason
from notifications.delivery.contact import NO_MAIL_SERVER
from notifications.delivery.intents import ACKNOWLEDGED
from notifications.delivery.models import Delivery
from notifications.delivery.timeline import PagingKind
from notifications.escalation.definition import Definition
from notifications.escalation.models import EscalationRun
from notifications.escalation.selectors.next_steps import is_waited_for, ran_out
from notifications.escalation.services.work import level_name

SHOWN = 60  # deliveries of an episode; the log has all
REASONS = 20  # entries that say why somebody was not told
MISSING = (
    PagingKind.ESCALATION_STARTED,
    PagingKind.ESCALATION_LEVEL,
    PagingKind.ESCALATION_SKIPPED,
)
NO_POLICY = "No escalation policy is for this service and severity."


@dataclass(frozen=True, slots=True)
class Headline:
    """Where the run stands, as :class:`NextStep` says things. *since* with ``text.at``: what a bar fills between."""

    text: str
    at: datetime | None = None
    style: str = ""
    tone: str = "calm"
    detail: str = ""
    since: datetime | None = None


@dataclass(slots=True)
class LevelRow:
    """One wave of messages, or a level that is still to come. *state*: past, now, next or later."""

    title: str
    state: str
    at: datetime | None = None
    note: str = ""
    again: bool = False
    deliveries: list[Delivery] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def panels(
    incident_ids: Sequence[int],
    *,
    now: datetime,
    incidents: Mapping[int, Incident],
    following: Mapping[int, NextStep],
) -> dict[int, SafeString]:
    """The panel of each incident, as markup. Three queries for any number; *incidents* and *following* are by key."""
    episodes = {pk: incidents[pk].episode for pk in incident_ids}
    runs = {
        run.incident_id: run
        for run in EscalationRun.objects.filter(incident_id__in=incident_ids).select_related("version__policy")
        if run.episode == episodes[run.incident_id]
    }
    deliveries: dict[int, list[Delivery]] = {pk: [] for pk in incident_ids}
    rows = Delivery.objects.filter(incident_id__in=incident_ids).select_related("recipient", "destination")
    for row in rows.order_by("-pk")[: SHOWN * len(incident_ids)]:
        if row.incident_id is not None and row.episode == episodes[row.incident_id]:
            deliveries[row.incident_id].insert(0, row)
    reasons: dict[int, list[TimelineEntry]] = {pk: [] for pk in incident_ids}
    entries = TimelineEntry.objects.filter(incident_id__in=incident_ids, kind__in=MISSING, data__has_key="reason")
    for entry in entries.order_by("-pk")[: REASONS * len(incident_ids)]:
        reasons[entry.incident_id].insert(0, entry)
    return {
        pk: render_to_string(
            "notifications/_panel.html",
            _context(incidents[pk], runs.get(pk), deliveries[pk], reasons[pk], following.get(pk), now),
        )
        for pk in incident_ids
    }


def _context(
    incident: Incident,
    run: EscalationRun | None,
    deliveries: Sequence[Delivery],
    entries: Sequence[TimelineEntry],
    following: NextStep | None,
    now: datetime,
) -> dict[str, Any]:
    version = run.version if run is not None else None
    definition = Definition.of_json(version.definition) if version is not None else None
    said, got = headline(incident, run, following, now), notified_summary(deliveries)
    if got and is_waited_for(incident, now):
        got += ", nobody has it yet"
    return {
        "incident": incident,
        "run": run,
        "version": version,
        "headline": said,
        "asides": list(filter(None, [got, said.detail])),
        "rungs": [*_waves(deliveries, definition, run), *_ahead(definition, run)],
        "missed": _missed(entries, run),
        "no_mail_server": NO_MAIL_SERVER,
        "more": len(deliveries) >= SHOWN,
        "now": now,
    }


def headline(incident: Incident, run: EscalationRun | None, following: NextStep | None, now: datetime) -> Headline:
    """What a reader has to know first: who has it; else what paging does next, or why it does nothing."""
    if run is not None and run.state == RunState.ACKNOWLEDGED and run.wake == WakeReason.LEASE and run.next_step_at:
        unless = f"unless {who_has(incident) or 'whoever has it'} does something"
        return Headline("Resting. Goes on", run.next_step_at, "until", "due", unless)
    if incident.is_live and incident.status != Status.OPEN:
        who = who_has(incident)
        text = f"{who} has it, paging has stopped" if who else "Somebody has it, paging has stopped"
        before = run.reason if run is not None and run.state == RunState.ACKNOWLEDGED else ""  # why it had ended
        return Headline(text, detail=f"Before that: {before}" if before else "")
    if run is None or run.version is None:
        return Headline("Nobody is paged", tone="late" if is_waited_for(incident, now) else "calm", detail=NO_POLICY)
    if run.state == RunState.ACTIVE and is_waited_for(incident, now):
        if following is None or run.next_step_at is None:
            return Headline("Paging", tone="now")
        return Headline(
            _first_up(following.text),
            following.at,
            following.style,
            following.tone,
            since=run.level_at or run.anew_at,
        )
    if run.state == RunState.EXHAUSTED:
        waits = is_waited_for(incident, now)
        return Headline(_first_up(ran_out(run.reason)), tone="late" if waits else "calm", detail=run.reason)
    return Headline(RunState(run.state).label, detail=run.reason)


def notified_summary(deliveries: Sequence[Delivery]) -> str:
    """Whom messages have got to, people before machines: ``2 people told, 1 channel, 1 log``; "" before any was sent."""
    got = [row for row in deliveries if row.state in NOTIFIED and row.purpose in (Purpose.PAGE, Purpose.ANNOUNCE)]
    people = len({row.recipient_id for row in got if row.recipient_id is not None})
    shared = {row.destination_id: ChannelKind(row.kind) for row in got if row.recipient_id is None}
    counts = Counter("channel" if kind not in MACHINES else kind.value for kind in shared.values())
    others = [f"{count} {word}{'s' if count > 1 else ''}" for word, count in sorted(counts.items())]
    return ", ".join([f"{people} {'person' if people == 1 else 'people'} told", *others]) if got else ""


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]


def _waves(deliveries: Sequence[Delivery], definition: Definition | None, run: EscalationRun | None) -> list[LevelRow]:
    """What was sent, wave by wave in the order in which it was decided."""
    rungs = []
    told_before: set[int] = set()
    for (purpose, round_, step), rows in groupby(deliveries, key=lambda row: (row.purpose, row.round, row.step)):
        those = list(rows)
        going = any(row.state in (DeliveryState.PENDING, DeliveryState.SENDING) for row in those)
        current = run is not None and run.state == RunState.ACTIVE and purpose == Purpose.PAGE and step == run.level
        rungs.append(
            LevelRow(
                title=_title(Purpose(purpose), step, definition),
                state="now" if going or (current and round_ == run.round if run else False) else "past",
                at=those[0].created_at,
                again=purpose == Purpose.PAGE and step in told_before,
                deliveries=those,
            )
        )
        told_before |= {step} if purpose == Purpose.PAGE else set()
    return rungs


def _title(purpose: Purpose, step: int, definition: Definition | None) -> str:
    if purpose == Purpose.PAGE and definition is not None and step >= 0:
        return level_name(definition, step)
    if purpose == Purpose.STAND_DOWN:
        return "Told that somebody has it" if step == ACKNOWLEDGED else "Told that it is over"
    return {
        Purpose.ANNOUNCE: "Announced by routes",
        Purpose.FALLBACK: "The policy has run out: fallback",
    }.get(purpose, purpose.label)


def _ahead(definition: Definition | None, run: EscalationRun | None) -> list[LevelRow]:
    """The levels that come if nobody answers."""
    if definition is None or run is None or run.state not in (RunState.ACTIVE, RunState.ACKNOWLEDGED, RunState.PAUSED):
        return []
    ahead = []
    if run.state == RunState.ACTIVE and run.wake == WakeReason.REPEAT and run.level is not None:
        ahead.append(LevelRow(level_name(definition, run.level), "next", at=run.next_step_at, again=True))
    for index in range(run.step, len(definition.steps)):
        step = definition.steps[index]
        minutes = int(step.delay.total_seconds() // 60)
        is_next = index == run.step and run.state == RunState.ACTIVE and run.wake != WakeReason.REPEAT
        ahead.append(
            LevelRow(
                title=level_name(definition, index),
                state="next" if is_next else "later",
                at=run.next_step_at if is_next else None,
                note="" if is_next else f"{minutes} min later" if minutes else "at once",
            )
        )
    return ahead


def _missed(entries: Sequence[TimelineEntry], run: EscalationRun | None) -> list[tuple[str, str]]:
    """Why somebody was not told, with what the engine was doing; each once."""
    if run is None:
        return []
    said = [
        (str(entry.data.get("said", "")), str(entry.data.get("reason", "")))
        for entry in entries
        if entry.at >= run.started_at and entry.kind in set(PagingKind)
    ]
    return list(dict.fromkeys(said))
