"""The transition table of ``EscalationRun.state``: the only place that says what an event does to a run. Pure.

A row of the table is an event, a column the state in which it meets the run, a cell the state afterwards and when the
run is due. ``services.runs`` applies it to many runs at once; the sweep and the auditor ask it for one. The table is
total: each cell is written down, also where nothing happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from notifications.choices import RunState, WakeReason


class RunEvent(StrEnum):
    """Something that happens to the run of an incident's current episode."""

    OPENED = "opened"  # also reopened: each episode has a run of its own
    TAKEN = "taken"  # acknowledged, or under investigation
    ACTED = "acted"  # whoever has the incident did something
    OWNER_RAISED = "owner_raised"  # whoever has the incident raised its priority
    GIVEN_BACK = "given_back"  # unacknowledged: by hand, or since an acknowledgement ran out or was taken back
    SNOOZED = "snoozed"
    SUPPRESSED = "suppressed"
    UNSNOOZED = "unsnoozed"  # and nobody has the incident
    UNSNOOZED_HELD = "unsnoozed_held"  # and somebody has it
    UNSUPPRESSED = "unsuppressed"
    UNSUPPRESSED_HELD = "unsuppressed_held"
    SEVERITY_RAISED = "severity_raised"
    PRIORITY_RAISED = "priority_raised"  # by a rule, or by somebody who does not have the incident
    PRIORITY_LOWERED = "priority_lowered"  # the rule that stopped the run may no longer hold
    ESCALATED = "escalated"  # by hand
    TAKEN_BACK = "taken_back"  # the sweep releases the incident: the lease is over, or it became more urgent
    NOTIFIED = "told"  # a step was told
    WAITS = "waits"
    RAN_OUT = "ran_out"
    STOPPED = "stopped"  # by a rule of the policy, or since there is no policy
    UNREACHED = "unreached"  # no message of a step arrives
    ENDED = "ended"  # the incident was resolved or closed
    FOUND_LOST = "found_lost"  # by the auditor: the incident is open, and nothing would happen
    FOUND_HELD = "found_held"  # by the sweep or the auditor: somebody has the incident, and the run does not know
    POLICY_CHANGED = "policy_changed"  # edited, switched off, given to other services: a run keeps its version


class Due(StrEnum):
    """When the run is due after an event."""

    NOW = "now"
    AT = "at"  # when the move says
    LEASE = "lease"  # when the acknowledgement runs out; never, where the policy has no such time
    NEVER = "never"
    KEEP = "keep"  # as before


@dataclass(frozen=True, slots=True)
class Cell:
    """What an event makes of a run. *wake* None: as before, or as the move says.

    *anew*: the minutes of the policy's stop rule, and the wait before its first step, count from this event.
    """

    state: RunState
    due: Due
    wake: WakeReason | None = None
    anew: bool = False


ACTIVE, ACKNOWLEDGED, PAUSED = RunState.ACTIVE, RunState.ACKNOWLEDGED, RunState.PAUSED
EXHAUSTED, STOPPED, ENDED = RunState.EXHAUSTED, RunState.STOPPED, RunState.ENDED

STAY: Final = None  # nothing happens
BEGIN = Cell(ACTIVE, Due.NOW, WakeReason.OPENED, anew=True)
HOLD = Cell(ACKNOWLEDGED, Due.LEASE, WakeReason.LEASE)
REST = Cell(PAUSED, Due.NEVER)
RESUME = Cell(ACTIVE, Due.NOW, WakeReason.RESUMED, anew=True)
ASK = Cell(ACTIVE, Due.NOW, WakeReason.RESUMED)  # the policy's rules are asked again; its minutes go on
ON = Cell(ACTIVE, Due.AT)
OUT = Cell(EXHAUSTED, Due.NEVER)
HALT = Cell(STOPPED, Due.NEVER)
END = Cell(ENDED, Due.NEVER)


def _urgent(state: RunState, wake: WakeReason) -> Cell:
    """The run is due at once; where the incident is somebody's, or asleep, the sweep then takes it back or wakes it."""
    return Cell(state, Due.NOW, wake, anew=True)


SEVERER, PRIOR, BY_HAND = WakeReason.SEVERITY_RAISED, WakeReason.PRIORITY_RAISED, WakeReason.ESCALATED
UP, UP_HELD, UP_ASLEEP = (_urgent(state, SEVERER) for state in (ACTIVE, ACKNOWLEDGED, PAUSED))
PRIO, PRIO_HELD, PRIO_ASLEEP = (_urgent(state, PRIOR) for state in (ACTIVE, ACKNOWLEDGED, PAUSED))
HAND, HAND_HELD, HAND_ASLEEP = (_urgent(state, BY_HAND) for state in (ACTIVE, ACKNOWLEDGED, PAUSED))
FREE, FREE_ASLEEP = Cell(ACKNOWLEDGED, Due.NEVER), Cell(PAUSED, Due.NEVER)
NEXT = Cell(ACTIVE, Due.NOW, WakeReason.UNREACHED)
AT_ONCE = Cell(ACTIVE, Due.NOW)
END_AGAIN = Cell(ACTIVE, Due.NOW, WakeReason.EXHAUST)
SAME, ASLEEP, SPENT, HALTED = (Cell(state, Due.KEEP) for state in (ACTIVE, PAUSED, EXHAUSTED, STOPPED))

# fmt: off
COLUMNS: tuple[RunState | None, ...] = (  # None: the incident has no run, since nobody was to hear of it when it opened
    None, ACTIVE, ACKNOWLEDGED, PAUSED, EXHAUSTED, STOPPED, ENDED)
_ROWS: dict[RunEvent, tuple[Cell | None, ...]] = {
    # event                      no run  active   acknowledged paused       exhausted  stopped   ended
    RunEvent.OPENED:            (BEGIN,  STAY,    STAY,        STAY,        STAY,      STAY,     STAY),
    RunEvent.TAKEN:             (STAY,   HOLD,    STAY,        HOLD,        HOLD,      HOLD,     STAY),
    RunEvent.ACTED:             (STAY,   STAY,    HOLD,        STAY,        STAY,      STAY,     STAY),
    RunEvent.OWNER_RAISED:      (STAY,   SAME,    HOLD,        ASLEEP,      SPENT,     HALTED,   STAY),
    RunEvent.GIVEN_BACK:        (STAY,   STAY,    RESUME,      STAY,        RESUME,    RESUME,   STAY),
    RunEvent.SNOOZED:           (STAY,   REST,    REST,        REST,        REST,      REST,     STAY),
    RunEvent.SUPPRESSED:        (STAY,   REST,    REST,        REST,        REST,      REST,     STAY),
    RunEvent.UNSNOOZED:         (STAY,   STAY,    RESUME,      RESUME,      RESUME,    RESUME,   STAY),
    RunEvent.UNSNOOZED_HELD:    (STAY,   HOLD,    STAY,        HOLD,        HOLD,      HOLD,     STAY),
    RunEvent.UNSUPPRESSED:      (STAY,   STAY,    RESUME,      RESUME,      RESUME,    RESUME,   STAY),
    RunEvent.UNSUPPRESSED_HELD: (STAY,   HOLD,    STAY,        HOLD,        HOLD,      HOLD,     STAY),
    RunEvent.SEVERITY_RAISED:   (BEGIN,  UP,      UP_HELD,     UP_ASLEEP,   UP,        UP,       STAY),
    RunEvent.PRIORITY_RAISED:   (BEGIN,  PRIO,    PRIO_HELD,   PRIO_ASLEEP, PRIO,      PRIO,     STAY),
    RunEvent.PRIORITY_LOWERED:  (STAY,   STAY,    STAY,        STAY,        STAY,      ASK,      STAY),
    RunEvent.ESCALATED:         (HAND,   HAND,    HAND_HELD,   HAND_ASLEEP, HAND,      HAND,     STAY),
    RunEvent.TAKEN_BACK:        (STAY,   FREE,    FREE,        FREE_ASLEEP, FREE,      FREE,     END),
    RunEvent.NOTIFIED:              (STAY,   ON,      ON,          ON,          ON,        ON,       END),
    RunEvent.WAITS:             (STAY,   ON,      ON,          ON,          ON,        ON,       END),
    RunEvent.RAN_OUT:           (STAY,   OUT,     OUT,         OUT,         OUT,       OUT,      END),
    RunEvent.STOPPED:           (STAY,   HALT,    HALT,        HALT,        HALT,      HALT,     END),
    RunEvent.UNREACHED:         (STAY,   NEXT,    STAY,        STAY,        STAY,      STAY,     STAY),
    RunEvent.ENDED:             (STAY,   END,     END,         END,         END,       END,      END),
    RunEvent.FOUND_LOST:        (BEGIN,  AT_ONCE, RESUME,      RESUME,      END_AGAIN, RESUME,   RESUME),
    RunEvent.FOUND_HELD:        (STAY,   HOLD,    HOLD,        HOLD,        HOLD,      HOLD,     HOLD),
    RunEvent.POLICY_CHANGED:    (STAY,   STAY,    STAY,        STAY,        STAY,      STAY,     STAY),
}
# fmt: on
TABLE: dict[tuple[RunState | None, RunEvent], Cell | None] = {
    (state, event): cell for event, row in _ROWS.items() for state, cell in zip(COLUMNS, row, strict=True)
}

# Escalate was pressed and the sweep has not come yet: what only tells the current level again does not take that away.
OUTRANKED = (WakeReason.RESUMED, WakeReason.SEVERITY_RAISED, WakeReason.PRIORITY_RAISED)
# After these the run asks anew which policy, steps and routes apply.
RISES = (RunEvent.SEVERITY_RAISED, RunEvent.PRIORITY_RAISED, RunEvent.OWNER_RAISED)
# Somebody wants others to be told: from then on no rule about severity keeps the run silent.
DEMANDS = (RunEvent.ESCALATED, RunEvent.GIVEN_BACK)
# Where a run is due for one of these, a held incident is taken back and a sleeping one is woken.
URGENT = (WakeReason.SEVERITY_RAISED, WakeReason.PRIORITY_RAISED, WakeReason.ESCALATED)

UNFINISHED = tuple(state for state in RunState if state != RunState.ENDED)  # these need their policy's version
GOING_ON = tuple(state for state in UNFINISHED if state != RunState.STOPPED)  # an escalation that lists and counts show


def cell_of(state: RunState, event: RunEvent) -> Cell | None:
    """What *event* makes of a run in *state*; None: nothing happens."""
    return TABLE[state, event]
