"""The sweep of escalation runs: takes the due runs in batches and notifies their next level. It never waits for a
locked incident.

It locks the free incidents first, then their runs. The messages, timeline entries and next deadlines of a batch are one
transaction; a killed worker leaves the same runs due.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import orjson
from django.db import connection, transaction

from aiops.kernel import live
from aiops.kernel.sql import CompiledQuery, Given
from incidents.choices import LIVE, Severity, Status
from incidents.core.models import Incident
from incidents.core.services import timeline
from incidents.response.services import timers
from incidents.upkeep.services import upkeep
from notifications.choices import ChannelKind, Purpose, Rank, WakeReason
from notifications.delivery.intents import Intent
from notifications.delivery.selectors.recipients import Recipient, RecipientResolver, hearing_times
from notifications.delivery.services import deliveries
from notifications.delivery.services.mailboxes import addressed
from notifications.delivery.target import Target
from notifications.delivery.timeline import PagingKind
from notifications.escalation.definition import Definition
from notifications.escalation.lifecycle import URGENT, RunEvent
from notifications.escalation.models import EscalationRun
from notifications.escalation.moves import Move, after_notifying, next_move, undisturbed
from notifications.escalation.services import endings, routes, severity_rises
from notifications.escalation.services.work import Outcome, Work, level_name

BATCH = 250
SAVED = {
    "version_id": "bigint", "state": "text", "announced_at": "timestamptz", "step": "int", "level": "int", "round": "int",
    "cycle": "int", "repeats": "int", "next_step_at": "timestamptz", "wake": "text", "level_at": "timestamptz",
    "notified_steps": "int",
    "risen": "boolean", "anew_at": "timestamptz", "ended_at": "timestamptz", "alarm_id": "bigint", "reason": "text",
}  # fmt: skip
_SAVE = f"""
UPDATE notifications_escalationrun r SET {", ".join(f"{name} = t.{name}" for name in SAVED)}
FROM jsonb_to_recordset(%s::jsonb) AS t(id bigint, {", ".join(f"{name} {kind}" for name, kind in SAVED.items())})
WHERE r.id = t.id
"""  # noqa: S608 - names of this module
RELEASES = {
    WakeReason.LEASE: "the acknowledgement ran out",
    WakeReason.SEVERITY_RAISED: "the severity rose",
    WakeReason.PRIORITY_RAISED: "the priority rose",
    WakeReason.ESCALATED: "it was escalated",
}


_due = CompiledQuery(
    lambda: EscalationRun.objects.filter(next_step_at__lte=Given("now")).order_by("next_step_at")[:BATCH],
    values=("pk", "incident_id"),
)
_free_incidents = CompiledQuery(
    lambda: Incident.objects.filter(pk__any_of=Given("incidents")).order_by("pk"),
    along=("service", "source"),
    lock="FOR NO KEY UPDATE OF incidents_incident SKIP LOCKED",
)
_due_runs = CompiledQuery(
    lambda: EscalationRun.objects.filter(
        pk__any_of=Given("runs"), incident_id__any_of=Given("incidents"), next_step_at__lte=Given("now")
    ).order_by("pk"),
    along=("version__policy",),
    lock="FOR NO KEY UPDATE OF notifications_escalationrun SKIP LOCKED",
)


def run_due(now: datetime, limit: int = BATCH) -> int:
    """Do what is due in at most *limit* runs; returns how many were looked at (0: nothing is due, or others have it in hand)."""
    wanted = dict(_due(now=now)[:limit])
    if not wanted:
        return 0
    return upkeep.together(
        list(wanted.items()),
        partial(_run, now=now),
        of=_subject_of,
        now=now,
        patience=timedelta(0),  # somebody is not told: that is said at once
    )


def _subject_of(due: tuple[int, int]) -> upkeep.Subject:
    incident = Incident.objects.filter(pk=due[1]).first()
    what = f"The escalation of {incident.name if incident else 'an incident that is gone'}"
    workspace = incident.workspace_id if incident else None
    return upkeep.Subject(f"escalation:{due[0]}", what, workspace, Severity.CRITICAL, gone=upkeep.OFTEN)


def _run(wanted: Sequence[tuple[int, int]], now: datetime) -> int:
    """Runs and their incidents, in one transaction."""
    with transaction.atomic():
        works = _lock(dict(wanted), now)
        outcome = Outcome()
        _announce([work for work in works if work.run.announced_at is None], outcome, now)
        going = [work for work in works if _goes_on(work, outcome, now)]
        severity_rises.ask_anew(going, outcome, now)
        _decide([work for work in going if work.definition is not None], outcome, now)
        for work in going:
            if work.definition is None:
                _without_policy(work, outcome, now)
        outcome.intents = addressed(outcome.intents, now)
        _write(works, outcome, now)
        live.publish_rows([(work.run.workspace_id, work.run.incident_id) for work in works], "escalation")
    endings.raise_alarms(outcome, now)
    return len(works)


def _lock(wanted: dict[int, int], now: datetime) -> list[Work]:
    """The due runs whose incidents are free, under both locks."""
    incidents = {row.pk: row for row in _free_incidents(incidents=list(wanted.values()))}
    parsed: dict[int, Definition] = {}
    works = []
    for run in _due_runs(runs=list(wanted), incidents=list(incidents), now=now):
        if run.version is not None and run.version.pk not in parsed:
            parsed[run.version.pk] = Definition.of_json(run.version.definition)
        works.append(Work(run, incidents[run.incident_id], parsed.get(run.version_id or 0)))
    return works


def _announce(works: Sequence[Work], outcome: Outcome, now: datetime) -> None:
    """Tell the shared destinations that routes name; after a rise only those that were not told yet (the rows are there).

    What is silent is announced when it wakes.
    """
    awake = [work for work in works if not _is_silent(work.incident, now)]
    open_ones = [work.incident for work in awake if work.incident.status in LIVE and not work.incident.is_system]
    matched = routes.matching(open_ones, now) if open_ones else {}
    for work in awake:
        work.run.announced_at = now
        for destination in matched.get(work.incident.pk, ()):
            outcome.intents.append(
                Intent(
                    **work.about,
                    purpose=Purpose.ANNOUNCE,
                    destination_id=destination.pk,
                    kind=ChannelKind(destination.kind),
                    due_at=now,
                    rank=Rank.ANNOUNCEMENT,
                )
            )


def _goes_on(work: Work, outcome: Outcome, now: datetime) -> bool:
    """Whether the run's next step is to be taken. What has ended, rests, or is somebody's is settled here.

    What became more urgent is woken, and taken back from whoever has it.
    """
    run, incident = work.run, work.incident
    wake, held = WakeReason(run.wake), incident.status != Status.OPEN
    if incident.status not in LIVE or run.episode != incident.episode:
        event, reason, held = RunEvent.ENDED, "the incident has ended", False
    elif incident.suppressed_by is not None:
        event, reason = RunEvent.SUPPRESSED, "suppressed"
    elif incident.snoozed_until is not None:
        event, reason = RunEvent.SNOOZED, "snoozed"
        outcome.woken += [incident.pk] if wake in URGENT else []
    elif held:
        event, reason = RunEvent.TAKEN_BACK if wake in RELEASES else RunEvent.FOUND_HELD, ""
    else:
        return True
    work.moves(event, now, reason=reason)
    if held and (wake in URGENT or event == RunEvent.TAKEN_BACK):
        outcome.released.setdefault(wake, []).append(incident.pk)
    return False


def _without_policy(work: Work, outcome: Outcome, now: datetime) -> None:
    """No policy is in force: the run rests until a rise finds one. Whoever asks for people gets the last resort."""
    work.run.risen = False
    if work.run.wake == WakeReason.ESCALATED:
        endings.without_policy(work, outcome, now)
    else:
        work.moves(RunEvent.STOPPED, now, reason="no policy")


def _decide(works: Sequence[Work], outcome: Outcome, now: datetime) -> None:
    """Ask the pure core about each run, then reach the people of all steps at once."""
    wanted: set[Target] = set()
    for work in works:
        assert work.definition is not None
        work.move = next_move(work.definition, work.run.position, work.facts, now)
        if work.move.notify is not None:
            wanted.update(work.definition.steps[work.move.notify].targets)
    resolver = RecipientResolver(wanted, now) if wanted else None
    endings.remember_notified_people(works, outcome, now)
    for work in works:
        _apply(work, resolver, outcome, now)


def _apply(work: Work, resolver: RecipientResolver | None, outcome: Outcome, now: datetime) -> None:
    """Turn a move into messages, timeline entries and the run's next deadline."""
    move, definition = work.move, work.definition
    assert move is not None and definition is not None
    for skipped in move.skipped:
        said = f"{level_name(definition, skipped.step)} skipped"
        outcome.note(work, PagingKind.ESCALATION_SKIPPED, said, now, skipped.reason)
    if move.notify is not None and resolver is not None:
        move = _tell(work, move, move.notify, resolver, outcome, now)
    work.stands_at(move.position)
    if move.stopped:
        work.moves(RunEvent.STOPPED, now, reason=move.reason)
        outcome.note(work, PagingKind.ESCALATION_STOPPED, "Escalation stopped", now, move.reason)
    elif move.exhausted:
        endings.run_out(work, outcome, now)
    else:
        work.moves(RunEvent.WAITS if move.wait else RunEvent.NOTIFIED, now, at=move.next_at)


def _tell(work: Work, move: Move, index: int, resolver: RecipientResolver, outcome: Outcome, now: datetime) -> Move:
    """Write down who is told of step *index*, and why others are not; returns the move as it is then."""
    definition, run = work.definition, work.run
    assert definition is not None
    step, level = definition.steps[index], level_name(definition, index)
    recipients = resolver.recipients(step.targets, run.workspace_id, move.urgency, step.responders_hours)
    spared = [call for call in recipients.calls if severity_rises.was_called(work, call, move.urgency)]
    calls = [call for call in recipients.calls if call not in spared]
    first_page = index == 0 and run.level is None
    for call in calls:
        outcome.intents.append(_page(work, index, call, first_page))
    if index > 0:
        outcome.escalated.append(run.incident_id)
    missed = "; ".join(dict.fromkeys([*recipients.missed, *recipients.warnings]))
    names = list(dict.fromkeys(call.name for call in calls))
    names += [f"{name} (called a moment ago)" for name in dict.fromkeys(call.name for call in spared)]
    if recipients.calls:
        kind = PagingKind.ESCALATION_STARTED if first_page else PagingKind.ESCALATION_LEVEL
        outcome.note(work, kind, f"{level}: {', '.join(names)}", now, missed)
    else:
        outcome.note(work, PagingKind.ESCALATION_SKIPPED, f"{level} reaches nobody", now, missed)
    if spared and not calls:
        return undisturbed(definition, run.position, move, work.facts, now)
    return after_notifying(definition, move, hearing_times([*calls, *(replace(call, at=now) for call in spared)]), now)


def _page(work: Work, index: int, call: Recipient, first_page: bool) -> Intent:
    assert work.definition is not None and work.move is not None
    return Intent(
        **work.about,
        purpose=Purpose.PAGE,
        round=work.move.position.round,
        step=index,
        destination_id=call.destination_id,
        kind=call.kind,
        recipient_id=call.user_id,
        urgency=work.move.urgency,
        rank=Rank.FIRST_PAGE if first_page and call.first else Rank.PAGE,
        due_at=call.at,
        data={"level": level_name(work.definition, index), **({"note": call.note} if call.note else {})},
    )


def _write(works: Sequence[Work], outcome: Outcome, now: datetime) -> None:
    """Everything that the batch decided; then what the incidents themselves have to know."""
    _save([work.run for work in works])
    deliveries.intend(outcome.intents, now)
    timeline.record(outcome.entries)
    if outcome.escalated:
        timers.mark_escalated(outcome.escalated, now)
    for wake, ids in outcome.released.items():
        timers.release(ids, now, RELEASES[wake])
    if outcome.woken:
        timers.wake(outcome.woken, now, "it became more urgent")


def _save(runs: Sequence[EscalationRun]) -> None:
    """Write what may have changed of *runs* in one statement; ``bulk_update`` takes ten times as long to say the same."""
    rows = [{name: getattr(run, name) for name in ("id", *SAVED)} for run in runs]
    with connection.cursor() as cursor:
        cursor.execute(_SAVE, [orjson.dumps(rows).decode()])


def _is_silent(incident: Incident, now: datetime) -> bool:
    return incident.suppressed_by is not None or incident.is_snoozed(now)
