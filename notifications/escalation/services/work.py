"""The work list of the run sweep: a due run with its incident, and the rows that a batch of them leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiops.access.actors import SYSTEM
from incidents.choices import Priority, Severity
from incidents.core.models import Incident
from incidents.core.timeline import Entry
from notifications.choices import RunState, Urgency, WakeReason
from notifications.delivery.intents import Intent
from notifications.delivery.selectors.recipients import Recipients
from notifications.delivery.timeline import PagingKind
from notifications.escalation.definition import Definition
from notifications.escalation.lifecycle import Due, RunEvent, cell_of
from notifications.escalation.models import EscalationRun
from notifications.escalation.moves import Facts, Move, Position

Called = Mapping[tuple[int | None, int | None], Urgency]  # (person, None) or (None, shared destination) → how urgently


@dataclass(slots=True)
class Work:
    """A run that is due, with its incident, both locked; and what was decided about it.

    *called*: whom a run that rose has called a moment ago.
    """

    run: EscalationRun
    incident: Incident
    definition: Definition | None
    move: Move | None = None
    called: Called = field(default_factory=dict)

    @property
    def facts(self) -> Facts:
        """What decides about the incident."""
        return Facts(Severity(self.incident.severity), Priority(self.incident.priority), self.run.anew_at)

    @property
    def about(self) -> dict[str, Any]:
        """The fields that every intent of the run carries."""
        run = self.run
        return {"workspace_id": run.workspace_id, "incident_id": run.incident_id, "episode": run.episode}

    def moves(self, event: RunEvent, now: datetime, *, at: datetime | None = None, reason: str = "") -> None:
        """Bring the run to where the table says. *at*: when it is due, where the cell leaves that to the move."""
        run, cell = self.run, cell_of(RunState(self.run.state), event)
        if cell is None:
            return
        lease = self.definition.acknowledge if self.definition is not None else None
        due = {
            Due.NOW: now, Due.AT: at, Due.LEASE: now + lease if lease else None, Due.NEVER: None, Due.KEEP: run.next_step_at,
        }  # fmt: skip
        run.state, run.next_step_at, run.reason = cell.state, due[cell.due], reason[:300]
        run.wake = cell.wake or run.wake
        if cell.state == RunState.ENDED:
            run.ended_at = now

    def stands_at(self, at: Position) -> None:
        """Write the position into the run."""
        run = self.run
        run.step, run.level, run.round, run.cycle, run.repeats = at.step, at.level, at.round, at.cycle, at.repeats
        run.wake, run.level_at, run.notified_steps, run.risen = at.wake, at.level_at, at.notified_steps, at.risen


@dataclass(slots=True)
class Outcome:
    """What a batch leads to, collected to be written at once.

    *exhausted*: the runs that ran out, each with its urgency. *notified_people*: the incidents, of those, of which a page reached
    somebody.
    """

    intents: list[Intent] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    escalated: list[int] = field(default_factory=list)
    released: dict[WakeReason, list[int]] = field(default_factory=dict)
    woken: list[int] = field(default_factory=list)
    exhausted: list[tuple[Work, Urgency]] = field(default_factory=list)
    last_resorts: dict[tuple[int, tuple[int, ...], Urgency], Recipients] = field(default_factory=dict)
    notified_people: set[int] = field(default_factory=set)

    def note(self, work: Work, kind: PagingKind, said: str, now: datetime, reason: str = "") -> None:
        """An entry for the incident's timeline."""
        data = {"said": said[:500], **({"reason": reason[:1000]} if reason else {})}
        self.entries.append(Entry.by(SYSTEM, work.incident.pk, now, kind, data=data))


def level_name(definition: Definition, index: int) -> str:
    """What a level is called: its name, else its number."""
    return (
        definition.steps[index].name or f"Level {index + 1}" if index < len(definition.steps) else f"Level {index + 1}"
    )
