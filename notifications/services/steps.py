"""What is due in escalation runs: the sweep that tells the next level. Set-based, and it never waits for an incident.

Order of locks: the incidents (those that are free), then their runs. Everything that a batch decides (messages, timeline,
the runs' next deadlines) is one transaction; a killed worker leaves the same runs due.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import orjson
from django.db import connection, transaction

from aiops.kernel import live
from aiops.kernel.sql import CompiledQuery, Given, insert
from incidents.choices import LIVE, PAGING_PROOF, EntryKind, Priority, Severity, SourceKind, Status
from incidents.models import Incident, TimelineEntry
from incidents.services import internal, timers
from notifications.choices import ChannelKind, Purpose, Rank, RunState, Wake
from notifications.definition import Definition, Target
from notifications.escalation import Facts, Move, after_telling, next_move
from notifications.intents import Intent
from notifications.models import EscalationPolicy, EscalationRun
from notifications.services import deliveries, fallback, routes
from notifications.services.targets import Book, Reach, Reached, account_mailboxes

BATCH = 250
NAMED = 20  # incidents that an alarm names
EXHAUSTED = "escalation_exhausted"  # the signal type of that alarm
SAVED = {
    "state": "text", "announced_at": "timestamptz", "step": "int", "level": "int", "round": "int", "cycle": "int",
    "repeats": "int", "next_step_at": "timestamptz", "wake": "text", "level_at": "timestamptz", "ended_at": "timestamptz",
    "reason": "text",
}  # fmt: skip
_SAVE = f"""
UPDATE notifications_escalationrun r SET {", ".join(f"{name} = t.{name}" for name in SAVED)}
FROM jsonb_to_recordset(%s::jsonb) AS t(id bigint, {", ".join(f"{name} {kind}" for name, kind in SAVED.items())})
WHERE r.id = t.id
"""  # noqa: S608 - names of this module
RELEASES = {
    Wake.LEASE: "the acknowledgement ran out",
    Wake.SEVERITY_RAISED: "the severity rose",
    Wake.ESCALATED: "it was escalated",
}


@dataclass(slots=True)
class Work:
    """A run that is due, with its incident, both locked; and what was decided about it."""

    run: EscalationRun
    incident: Incident
    definition: Definition | None
    move: Move | None = None


@dataclass(slots=True)
class Outcome:
    """What a batch leads to, collected to be written at once."""

    intents: list[Intent] = field(default_factory=list)
    entries: list[TimelineEntry] = field(default_factory=list)
    escalated: list[int] = field(default_factory=list)
    released: dict[Wake, list[int]] = field(default_factory=dict)
    woken: list[int] = field(default_factory=list)
    exhausted: list[Work] = field(default_factory=list)
    last_resorts: dict[tuple[int, tuple[int, ...]], Reach] = field(default_factory=dict)


_due = CompiledQuery(
    lambda: (
        EscalationRun.objects.filter(next_step_at__lte=Given("now"))
        .order_by("next_step_at")
        .values_list("pk", "incident_id")[:BATCH]
    )
)
_free_incidents = CompiledQuery(
    lambda: (
        Incident.objects.filter(pk__any_of=Given("incidents"))
        .select_related("service", "source")
        .order_by("pk")
        .select_for_update(no_key=True, skip_locked=True, of=("self",))
    )
)
_due_runs = CompiledQuery(
    lambda: (
        EscalationRun.objects.filter(
            pk__any_of=Given("runs"), incident_id__any_of=Given("incidents"), next_step_at__lte=Given("now")
        )
        .select_related("version__policy")
        .order_by("pk")
        .select_for_update(no_key=True, skip_locked=True, of=("self",))
    )
)


def run_due(now: datetime, limit: int = BATCH) -> int:
    """Do what is due in at most *limit* runs; returns how many were looked at (0: nothing is due, or others have it in hand)."""
    wanted = dict(_due(now=now)[:limit])
    if not wanted:
        return 0
    with transaction.atomic():
        works = _lock(wanted, now)
        outcome = Outcome()
        _announce([work for work in works if work.run.announced_at is None], outcome, now)
        going = [work for work in works if _goes_on(work, outcome)]
        _decide(going, outcome, now)
        _write(works, outcome, now)
        transaction.on_commit(partial(_show, works), robust=True)
    _raise_alarms(outcome.exhausted, now)
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
    """Tell the shared destinations that routes name, once per run."""
    open_ones = [
        work.incident
        for work in works
        if work.incident.status in LIVE
        and work.incident.signal_type != PAGING_PROOF
        and not _is_silent(work.incident, now)
    ]
    matched = routes.matching(open_ones, now) if open_ones else {}
    for work in works:
        work.run.announced_at = now
        for destination in matched.get(work.incident.pk, ()):
            outcome.intents.append(
                Intent(
                    **_about(work),
                    purpose=Purpose.ANNOUNCE,
                    destination_id=destination.pk,
                    kind=ChannelKind(destination.kind),
                    due_at=now,
                    rank=Rank.TOLD,
                )
            )


def _goes_on(work: Work, outcome: Outcome) -> bool:
    """Whether the run's next step is to be taken. What has ended, rests, or is somebody's is settled here."""
    run, incident = work.run, work.incident
    if incident.status not in LIVE or run.episode != incident.episode:
        _settle(run, RunState.ENDED, "the incident has ended")
    elif work.definition is None:
        _settle(run, RunState.ENDED, "no policy")
    elif incident.suppressed_by is not None:
        _settle(run, RunState.PAUSED, "suppressed")
    elif run.state == RunState.PAUSED or incident.snoozed_until is not None:
        run.next_step_at, run.state = None, RunState.PAUSED
        if run.wake in (Wake.SEVERITY_RAISED, Wake.ESCALATED):
            outcome.woken.append(incident.pk)
    elif incident.status != Status.OPEN:
        run.next_step_at, run.state = None, RunState.ACKNOWLEDGED
        if Wake(run.wake) in RELEASES:
            outcome.released.setdefault(Wake(run.wake), []).append(incident.pk)
    else:
        return True
    return False


def _decide(works: Sequence[Work], outcome: Outcome, now: datetime) -> None:
    """Ask the pure core about each run, then reach the people of all steps at once."""
    wanted: set[Target] = set()
    for work in works:
        assert work.definition is not None
        work.move = next_move(work.definition, work.run.position, _facts(work), now)
        if work.move.tell is not None:
            wanted.update(work.definition.steps[work.move.tell].targets)
    book = Book(wanted, now) if wanted else None
    for work in works:
        _apply(work, book, outcome, now)
    _give_mailboxes(outcome, now)


def _apply(work: Work, book: Book | None, outcome: Outcome, now: datetime) -> None:
    """Turn a move into messages, timeline entries and the run's next deadline."""
    move, run, definition = work.move, work.run, work.definition
    assert move is not None and definition is not None
    for skipped in move.skipped:
        _note(
            outcome,
            work,
            EntryKind.ESCALATION_SKIPPED,
            f"{level_name(definition, skipped.step)} skipped",
            now,
            skipped.reason,
        )
    if move.tell is not None and book is not None:
        move = _tell(work, move, move.tell, book, outcome, now)
    at = move.position
    run.step, run.level, run.round, run.cycle, run.repeats = at.step, at.level, at.round, at.cycle, at.repeats
    run.wake, run.level_at, run.next_step_at = at.wake, at.level_at, move.next_at
    run.state = RunState.ACTIVE
    if move.stopped:
        _settle(run, RunState.STOPPED, move.reason)
        _note(outcome, work, EntryKind.ESCALATION_STOPPED, "Escalation stopped", now, move.reason)
    elif move.exhausted:
        _settle(run, RunState.EXHAUSTED, move.reason)
        outcome.exhausted.append(work)
        said = f"{work.run.version.policy if work.run.version else 'The policy'} has run out"
        _note(outcome, work, EntryKind.ESCALATION_EXHAUSTED, said, now, move.reason)
        run.round += 1  # escalated by hand after that, it is said once more
        outcome.intents += fallback.intents(_about(work), _last_resort(work, definition, outcome, now), run.round, now)
        outcome.escalated.append(run.incident_id)


def _tell(work: Work, move: Move, index: int, book: Book, outcome: Outcome, now: datetime) -> Move:
    """Write down who is told of step *index*, and why others are not; returns the move as it is then."""
    definition, run = work.definition, work.run
    assert definition is not None
    step, name = definition.steps[index], level_name(definition, index)
    reach = book.reach(step.targets, run.workspace_id, move.urgency, step.responders_hours)
    first_page = index == 0 and move.position.round == 0
    for call in reach.calls:
        outcome.intents.append(_page(work, index, call, first_page))
    if index > 0:
        outcome.escalated.append(run.incident_id)
    missed = "; ".join(dict.fromkeys([*reach.missed, *reach.warnings]))
    if reach.calls:
        kind = EntryKind.ESCALATION_STARTED if first_page else EntryKind.ESCALATION_LEVEL
        _note(outcome, work, kind, f"{name}: {', '.join(reach.names)}", now, missed)
    else:
        _note(outcome, work, EntryKind.ESCALATION_SKIPPED, f"{name} reaches nobody", now, missed)
    return after_telling(definition, move, [call.at for call in reach.calls], now)


def _last_resort(work: Work, definition: Definition, outcome: Outcome, now: datetime) -> Reach:
    """Who hears that nobody answered; asked once per batch for all runs that end alike."""
    key = (work.run.workspace_id, definition.fallback)
    if key not in outcome.last_resorts:
        outcome.last_resorts[key] = fallback.reach(definition, work.run.workspace_id, now)
    return outcome.last_resorts[key]


def _page(work: Work, index: int, call: Reached, first_page: bool) -> Intent:
    assert work.definition is not None and work.move is not None
    return Intent(
        **_about(work),
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


def _give_mailboxes(outcome: Outcome, now: datetime) -> None:
    """Messages for the account's e-mail get the destination that stands for it."""
    missing = [n for n, intent in enumerate(outcome.intents) if intent.destination_id is None]
    if not missing:
        return
    boxes = account_mailboxes({pk for n in missing if (pk := outcome.intents[n].recipient_id) is not None}, now)
    for n in missing:
        intent = outcome.intents[n]
        values = {name: getattr(intent, name) for name in Intent.__slots__}
        outcome.intents[n] = Intent(**{**values, "destination_id": boxes.get(intent.recipient_id or 0)})


def _write(works: Sequence[Work], outcome: Outcome, now: datetime) -> None:
    """Everything that the batch decided; then what the incidents themselves have to know."""
    _save([work.run for work in works])
    deliveries.intend(outcome.intents, now)
    insert(outcome.entries)
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


def _raise_alarms(works: Sequence[Work], now: datetime) -> None:
    """An internal incident per policy that ran out. The platform's own incidents raise none: that would never end.

    After the transaction, since it would wait for the alarm's incident while holding others. The fallback's messages are safe
    by then; where there are none, and this is where a worker dies, the auditor has the end come again.
    """
    by_policy: dict[EscalationPolicy, list[Work]] = {}
    for work in works:
        internal_one = work.incident.source is not None and work.incident.source.kind == SourceKind.INTERNAL
        if work.run.version is not None and not internal_one:
            by_policy.setdefault(work.run.version.policy, []).append(work)
    for policy, those in by_policy.items():
        named = [f"{work.incident.name} {work.incident.title}: {work.run.reason}." for work in those[:NAMED]]
        more = [f"And {len(those) - NAMED} more."] if len(those) > NAMED else []
        internal.raise_internal(
            workspace_id=policy.workspace_id,
            dedup_key=f"exhausted:{policy.pk}",
            title=f"Nobody answered: escalation policy “{policy.name}” has run out",
            description="\n".join([*named, *more]),
            severity=Severity.CRITICAL,
            signal_type=EXHAUSTED,
            labels={"incident": those[0].incident.name, "policy": policy.name},
            now=now,
        )


def level_name(definition: Definition, index: int) -> str:
    """What a level is called: its name, else its number."""
    return (
        definition.steps[index].name or f"Level {index + 1}" if index < len(definition.steps) else f"Level {index + 1}"
    )


def _about(work: Work) -> dict[str, Any]:
    return {
        "workspace_id": work.run.workspace_id,
        "incident_id": work.run.incident_id,
        "episode": work.run.episode,
    }


def _settle(run: EscalationRun, state: RunState, reason: str) -> None:
    run.state, run.next_step_at, run.reason = state, None, reason[:300]


def _facts(work: Work) -> Facts:
    incident = work.incident
    return Facts(Severity(incident.severity), Priority(incident.priority), work.run.started_at)


def _is_silent(incident: Incident, now: datetime) -> bool:
    return incident.suppressed_by is not None or incident.is_snoozed(now)


def _note(outcome: Outcome, work: Work, kind: EntryKind, said: str, now: datetime, reason: str = "") -> None:
    data = {"said": said[:500], **({"reason": reason[:1000]} if reason else {})}
    outcome.entries.append(timers.system_entry(work.incident, now, kind, data=data))


def _show(works: Iterable[Work]) -> None:
    by_workspace: dict[int, list[int]] = {}
    for work in works:
        by_workspace.setdefault(work.run.workspace_id, []).append(work.run.incident_id)
    for workspace_id, incident_ids in by_workspace.items():
        live.publish(workspace_id, incident_ids, "escalation", len(incident_ids))
