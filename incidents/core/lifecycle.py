"""The transition table of ``Incident.status``: the only place that says which status may follow which. Pure.

Every dialect, button and chat command asks :func:`decide`. A refusal carries the allowed transitions, so all of them
answer alike.
"""

from __future__ import annotations

from enum import StrEnum

from aiops.kernel.errors import Conflict
from incidents.choices import LIVE, Status


class Action(StrEnum):
    """A verb that moves the status."""

    ACKNOWLEDGE = "acknowledge"
    INVESTIGATE = "investigate"
    RESOLVE = "resolve"
    CLOSE = "close"
    UNACKNOWLEDGE = "unacknowledge"
    REOPEN = "reopen"


# action → (the statuses it may start from, where it leads). Skipping ahead is allowed; going back is only to open.
TRANSITIONS: dict[Action, tuple[tuple[Status, ...], Status]] = {
    Action.ACKNOWLEDGE: ((Status.OPEN,), Status.ACKNOWLEDGED),
    Action.INVESTIGATE: ((Status.OPEN, Status.ACKNOWLEDGED), Status.INVESTIGATING),
    Action.RESOLVE: (LIVE, Status.RESOLVED),
    Action.CLOSE: ((*LIVE, Status.RESOLVED), Status.CLOSED),
    Action.UNACKNOWLEDGE: ((Status.ACKNOWLEDGED, Status.INVESTIGATING), Status.OPEN),
    Action.REOPEN: ((Status.RESOLVED, Status.CLOSED), Status.OPEN),
}


class TransitionRefused(Conflict):
    """The action does not fit the status; ``data`` carries ``status``, ``action`` and the ``allowed`` actions."""

    code = "transition_refused"

    def __init__(self, status: Status, action: Action) -> None:
        allowed = allowed_actions(status)
        self.status, self.action, self.allowed = status, action, allowed
        super().__init__(
            f"Incident already {status}"
            if TRANSITIONS[action][1] == status
            else f"Can't {action} an incident that is {status}",
            details=f"Allowed now: {', '.join(allowed) or 'nothing'}.",
            data={"status": str(status), "action": str(action), "allowed": [str(a) for a in allowed]},
        )


def allowed_actions(status: Status) -> tuple[Action, ...]:
    """What may be done next, in the order in which the console offers it."""
    return tuple(action for action, (starts, _) in TRANSITIONS.items() if status in starts)


def starts_of(action: Action) -> tuple[Status, ...]:
    """The statuses from which *action* may start."""
    return TRANSITIONS[action][0]


def decide(status: Status, action: Action) -> Status:
    """The status after *action*; raises :class:`TransitionRefused` when it does not fit."""
    starts, target = TRANSITIONS[action]
    if status not in starts:
        raise TransitionRefused(status, action)
    return target


def action_towards(status: Status, wanted: Status) -> Action:
    """The action that brings *status* to *wanted* (for dialects that name the target); raises :class:`TransitionRefused`."""
    candidates = [action for action, (_, target) in TRANSITIONS.items() if target == wanted]
    for action in candidates:
        if status in TRANSITIONS[action][0]:
            return action
    raise TransitionRefused(status, candidates[-1] if wanted == Status.OPEN else candidates[0])
