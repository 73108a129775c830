"""Actions of the console's buttons and keys: each reads its form, calls one service, and returns the message for the
person.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.db import transaction
from django.http import QueryDict

from aiops.access.actors import Actor
from aiops.access.models import User
from aiops.kernel.errors import InvalidInput, NotFound
from incidents.choices import Status
from incidents.core.lifecycle import Action, allowed_actions
from incidents.core.models import Incident
from incidents.response.console.forms import AssignForm, NoteForm, PriorityForm, ReasonForm, SnoozeForm
from incidents.response.services import incidents as services

RESOLVED_HERE = "Manually resolved via dashboard"  # where the person says nothing


@dataclass(frozen=True, slots=True)
class Act:
    """Somebody does something to an incident, now, with what was filled in."""

    actor: Actor
    user: User
    incident: Incident
    now: datetime
    data: QueryDict

    @property
    def on(self) -> dict[str, Any]:
        """What every service takes."""
        return {"actor": self.actor, "incident_id": self.incident.pk, "now": self.now}

    def read(self, form: type[forms.Form]) -> dict[str, Any]:
        """The form's values; raises ``InvalidInput`` with its first complaint."""
        filled = form(self.data)
        if not filled.is_valid():
            name, complaints = next(iter(filled.errors.items()))
            shown = "" if name == "__all__" else f"{name}: "
            raise InvalidInput(f"{shown}{complaints[0]}", field=name)
        return filled.cleaned_data


def _acknowledge(act: Act) -> str:
    services.acknowledge(**act.on)
    return "acknowledged"


def _unacknowledge(act: Act) -> str:
    services.unacknowledge(**act.on)
    return "open again, with nobody"


def _investigate(act: Act) -> str:
    services.investigate(**act.on)
    return "under investigation"


def _resolve(act: Act) -> str:
    services.resolve(**act.on, resolution=act.read(ReasonForm)["text"] or RESOLVED_HERE)
    return "resolved"


def _close(act: Act) -> str:
    services.close(**act.on)
    return "closed"


def _reopen(act: Act) -> str:
    services.reopen(**act.on)
    return "open again"


def _snooze(act: Act) -> str:
    filled = act.read(SnoozeForm)
    services.snooze(**act.on, duration=filled["duration"], reason=filled["reason"])
    return "snoozed"


def _unsnooze(act: Act) -> str:
    services.unsnooze(**act.on)
    return "awake again"


def _escalate(act: Act) -> str:
    services.escalate(**act.on, reason=act.read(ReasonForm)["text"])
    return "escalated"


def _note(act: Act) -> str:
    services.add_note(**act.on, content=act.read(NoteForm)["content"])
    return ""  # it stands in the timeline, where one looks


def _assign(act: Act) -> str:
    wanted = act.read(AssignForm)["assignee"]
    assignee = _member(act, wanted)
    services.assign(**act.on, assignee=assignee)
    return f"with {assignee.display_name}" if assignee else "with nobody"


def _take(act: Act) -> str:
    """Mine: assigned, and acknowledged where nobody has it yet, so that paging stops."""
    with transaction.atomic():
        if act.incident.status == Status.OPEN:
            services.acknowledge(**act.on)
        services.assign(**act.on, assignee=act.user)
    return "with you: paging has stopped"


def _priority(act: Act) -> str:
    priority = act.read(PriorityForm)["priority"]
    services.set_priority(**act.on, priority=priority)
    return f"priority {priority.label}"


ACTIONS: dict[str, Callable[[Act], str]] = {
    "acknowledge": _acknowledge,
    "unacknowledge": _unacknowledge,
    "investigate": _investigate,
    "resolve": _resolve,
    "close": _close,
    "reopen": _reopen,
    "snooze": _snooze,
    "unsnooze": _unsnooze,
    "escalate": _escalate,
    "note": _note,
    "assign": _assign,
    "take": _take,
    "priority": _priority,
}
IN_BULK = ("acknowledge", "resolve", "snooze")


def perform(action: str, act: Act) -> str:
    """Do it. Raises ``NotFound`` for an action that there is not, and whatever the service refuses with."""
    if action not in ACTIONS:
        raise NotFound(f"There is no action {action!r}")
    return ACTIONS[action](act)


def _member(act: Act, wanted: str) -> User | None:
    if not wanted:
        return None
    if wanted == "me":
        return act.user
    found = User.objects.filter(pk=int(wanted), is_active=True).first()
    if found is None:
        raise InvalidInput(services.NOT_A_MEMBER, field="assignee")
    return found


@dataclass(frozen=True, slots=True)
class Button:
    """A move that fits the status: its name, its words, its key, and whether it is the likely one."""

    action: str
    label: str
    key: str = ""
    primary: bool = False


LABELS = {
    Action.ACKNOWLEDGE: ("Acknowledge", "a"),
    Action.INVESTIGATE: ("Investigate", "i"),
    Action.RESOLVE: ("Resolve", "r"),
    Action.CLOSE: ("Close", ""),
    Action.UNACKNOWLEDGE: ("Give back", ""),
    Action.REOPEN: ("Reopen", ""),
}
LIKELY = {
    Status.OPEN: Action.ACKNOWLEDGE,
    Status.ACKNOWLEDGED: Action.RESOLVE,
    Status.INVESTIGATING: Action.RESOLVE,
    Status.RESOLVED: Action.CLOSE,
}
RARE = (Action.UNACKNOWLEDGE, Action.CLOSE)  # in the "More" menu, unless it is the likely one


def buttons_of(status: Status) -> tuple[list[Button], list[Button]]:
    """The moves that the transition table allows: those on show, and those under "More"."""
    likely = LIKELY.get(status)
    shown: list[Button] = []
    rare: list[Button] = []
    for action in allowed_actions(status):
        label, key = LABELS[action]
        button = Button(str(action), label, key, action == likely)
        (rare if action in RARE and action != likely else shown).append(button)
    return shown, rare
