"""The policy editor: the form of a policy, filled from a policy or from input, and the definition that it means.

Buttons of the form add, move and remove steps, so it works without JavaScript. Input that can't be read goes to
``Definition.of_json`` as it was typed; the error names its place, and the page shows the error there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from aiops.access.models import Team, User, Workspace
from aiops.kernel.errors import InvalidInput
from incidents.choices import Priority, Severity
from notifications.choices import TargetKind
from notifications.delivery.models import Destination
from notifications.escalation.definition import FINAL_WAIT, STEPS, TARGETS
from notifications.escalation.models import EscalationPolicy
from notifications.oncall.models import Schedule
from notifications.oncall.selectors.schedules import members_of
from notifications.oncall.windows import RESPONDER

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
URGENCIES = (("auto", "By severity and priority"), ("high", "High: may wake people"), ("low", "Low: may wait"))
OTHERWISE = (("skip", "Pass over this level"), ("stop", "Stop the escalation"))
SHOWN_ALWAYS = {"targets", "delay_minutes", "name"}


@dataclass
class StepRow:
    """One level as it stands in the form: texts."""

    name: str = ""
    delay: str = "0"
    targets: list[str] = field(default_factory=list)  # "user:7"
    repeat_every: str = "0"
    repeat_times: str = "0"
    severities: list[str] = field(default_factory=list)
    priorities: list[str] = field(default_factory=list)
    days: list[str] = field(default_factory=list)
    begins: str = ""
    ends: str = ""
    zone: str = RESPONDER
    otherwise: str = "skip"
    urgency: str = "auto"
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def places(self) -> list[str]:
        """The targets, and an empty place for one more."""
        return [*self.targets, ""] if len(self.targets) < TARGETS else self.targets

    @property
    def has_terms(self) -> bool:
        """Whether the folded part says anything."""
        said = self.severities or self.priorities or self.begins or self.ends
        usual = self.urgency == "auto" and self.otherwise == "skip" and self.repeat_times in ("", "0")
        return bool(said) or not usual or bool(set(self.errors) - SHOWN_ALWAYS)

    @property
    def weekdays(self) -> list[tuple[str, str, bool]]:
        """Number, name and whether it is chosen."""
        return [(str(n), word, str(n) in self.days) for n, word in enumerate(DAYS)]

    @property
    def severity_choices(self) -> list[tuple[Severity, bool]]:
        return [(level, level.word in self.severities) for level in sorted(Severity, reverse=True)]

    @property
    def priority_choices(self) -> list[tuple[str, bool]]:
        return [(priority.name, priority.name in self.priorities) for priority in Priority]

    def as_json(self) -> dict[str, Any]:
        """The step in the policy's JSON form."""
        window = {
            "days": [int(day) for day in self.days], "from": self.begins, "to": self.ends, "time_zone": self.zone,
        }  # fmt: skip
        return {
            "name": self.name,
            "delay_minutes": _number(self.delay),
            "repeat_every_minutes": _number(self.repeat_every),
            "repeat_times": _number(self.repeat_times),
            "targets": [_target(text) for text in self.targets],
            "conditions": {
                "severities": self.severities,
                "priorities": self.priorities,
                "window": window if self.begins or self.ends or self.days else None,
            },
            "otherwise": self.otherwise,
            "urgency": self.urgency,
        }


@dataclass
class Sheet:
    """The whole form."""

    name: str = ""
    description: str = ""
    enabled: bool = True
    is_default: bool = False
    severities: list[str] = field(default_factory=list)
    steps: list[StepRow] = field(default_factory=lambda: [StepRow()])
    repeat: str = "0"
    final_wait: str = str(FINAL_WAIT)
    acknowledge: str = ""
    fallback: list[str] = field(default_factory=list)
    stop_after: str = ""
    stop_below: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def severity_choices(self) -> list[tuple[Severity, bool]]:
        return [(level, level.word in self.severities) for level in sorted(Severity, reverse=True)]

    def definition(self) -> dict[str, Any]:
        """The policy's JSON form, unchecked."""
        return {
            "steps": [step.as_json() for step in self.steps],
            "repeat": _number(self.repeat),
            "final_wait_minutes": _number(self.final_wait),
            "acknowledge_minutes": _number(self.acknowledge),
            "fallback_destinations": [_number(pk) for pk in self.fallback],
            "stop": {"after_minutes": _number(self.stop_after), "below_severity": self.stop_below or None},
        }

    def blame(self, error: InvalidInput, said: str) -> None:
        """Put a refusal beside the field that it names."""
        match [part for part in error.location if part != "conditions"]:
            case ["steps", int(place), str(name), *_] if place < len(self.steps):
                self.steps[place].errors[name] = said
            case [str(name), *_]:
                self.errors[name] = said
            case _:
                self.errors["all"] = said

    def change(self, what: str) -> bool:
        """Do what a button of the form says: ``add``, ``up-1``, ``down-0``, ``remove-2``. False: it is none of these."""
        verb, _, place = what.partition("-")
        index = int(place) if place.isdecimal() and len(place) < 4 else len(self.steps)
        if verb == "add" and len(self.steps) < STEPS:
            self.steps.append(StepRow(delay="15" if self.steps else "0"))
        elif verb == "remove" and index < len(self.steps) and len(self.steps) > 1:
            del self.steps[index]
        elif verb == "up" and 0 < index < len(self.steps):
            self.steps[index - 1], self.steps[index] = self.steps[index], self.steps[index - 1]
        elif verb == "down" and index < len(self.steps) - 1:
            self.steps[index + 1], self.steps[index] = self.steps[index], self.steps[index + 1]
        else:
            return verb in ("add", "remove", "up", "down", "more")
        return True


def sheet_of(policy: EscalationPolicy) -> Sheet:
    """The form of a policy as it is."""
    sheet = Sheet(
        name=policy.name,
        description=policy.description,
        enabled=policy.enabled,
        is_default=policy.is_default,
        severities=list(policy.severities),
    )
    definition: Mapping[str, Any] = policy.version.definition if policy.version is not None else {}
    if definition:
        stop = definition.get("stop") or {}
        sheet.steps = [_row_of(step) for step in definition["steps"]]
        sheet.repeat = _text(definition.get("repeat"))
        sheet.final_wait = _text(definition.get("final_wait_minutes"))
        sheet.acknowledge = _text(definition.get("acknowledge_minutes"))
        sheet.fallback = [str(pk) for pk in definition.get("fallback_destinations") or []]
        sheet.stop_after, sheet.stop_below = _text(stop.get("after_minutes")), stop.get("below_severity") or ""
    return sheet


def typed_sheet(data: QueryDict) -> Sheet:
    """The form as it was sent."""
    count = data.get("step-count", "0")
    steps = min(int(count), STEPS) if count.isdecimal() and len(count) < 4 else 0
    return Sheet(
        name=data.get("name", ""),
        description=data.get("description", ""),
        enabled="enabled" in data,
        is_default="is_default" in data,
        severities=data.getlist("severities"),
        steps=[_typed_row(data, f"step-{n}-") for n in range(steps)] or [StepRow()],
        repeat=data.get("repeat", ""),
        final_wait=data.get("final_wait", ""),
        acknowledge=data.get("acknowledge", ""),
        fallback=[pk for pk in data.getlist("fallback") if pk],
        stop_after=data.get("stop_after", ""),
        stop_below=data.get("stop_below", ""),
    )


def choices_of(workspace: Workspace) -> dict[str, Any]:
    """What the pickers offer: whom a step may tell, in groups, and where it may end."""
    shared = Destination.objects.filter(workspace=workspace).listed().order_by("label")
    destinations = [(f"{TargetKind.CHANNEL}:{row.pk}", str(row)) for row in shared]
    people: list[User] = list(members_of(workspace.pk).order_by("first_name", "last_name", "username"))
    return {
        "groups": [
            ("On call", [(f"{TargetKind.SCHEDULE}:{row.pk}", row.name)
                         for row in Schedule.objects.filter(workspace=workspace).order_by("name")]),
            ("People", [(f"{TargetKind.USER}:{person.pk}", person.display_name) for person in people]),
            ("Teams", [(f"{TargetKind.TEAM}:{row.pk}", row.name)
                       for row in Team.objects.filter(workspace=workspace).order_by("name")]),
            ("Shared destinations", destinations),
            ("Everybody in charge", [(f"{TargetKind.ADMINS}:{workspace.pk}", f"Admins of {workspace.name}")]),
        ],
        "fallbacks": [(str(row.pk), str(row)) for row in shared],
        "urgencies": URGENCIES,
        "otherwise": OTHERWISE,
        "severity_words": [(level.word, level.label) for level in sorted(Severity, reverse=True)],
    }  # fmt: skip


def _row_of(step: Mapping[str, Any]) -> StepRow:
    conditions = step.get("conditions") or {}
    window = conditions.get("window") or {}
    return StepRow(
        name=step.get("name") or "",
        delay=_text(step.get("delay_minutes")),
        targets=[f"{target['kind']}:{target['id']}" for target in step["targets"]],
        repeat_every=_text(step.get("repeat_every_minutes")),
        repeat_times=_text(step.get("repeat_times")),
        severities=list(conditions.get("severities") or []),
        priorities=list(conditions.get("priorities") or []),
        days=[str(day) for day in window.get("days") or []],
        begins=window.get("from") or "",
        ends=window.get("to") or "",
        zone=window.get("time_zone") or RESPONDER,
        otherwise=step.get("otherwise") or "skip",
        urgency=step.get("urgency") or "auto",
    )


def _typed_row(data: QueryDict, prefix: str) -> StepRow:
    return StepRow(
        name=data.get(f"{prefix}name", ""),
        delay=data.get(f"{prefix}delay", ""),
        targets=[text for text in dict.fromkeys(data.getlist(f"{prefix}target")) if text][:TARGETS],
        repeat_every=data.get(f"{prefix}repeat_every", ""),
        repeat_times=data.get(f"{prefix}repeat_times", ""),
        severities=data.getlist(f"{prefix}severity"),
        priorities=data.getlist(f"{prefix}priority"),
        days=[day for day in data.getlist(f"{prefix}day") if day in {"0", "1", "2", "3", "4", "5", "6"}],
        begins=data.get(f"{prefix}from", "").strip(),
        ends=data.get(f"{prefix}to", "").strip(),
        zone=data.get(f"{prefix}zone", "").strip() or RESPONDER,
        otherwise=data.get(f"{prefix}otherwise", "skip"),
        urgency=data.get(f"{prefix}urgency", "auto"),
    )


def _target(text: str) -> dict[str, Any]:
    kind, _, pk = text.partition(":")
    return {"kind": kind, "id": _number(pk)}


def _number(text: str) -> int | str | None:
    """The number; what is none stays as it was typed, to be refused by its place; None for nothing."""
    text = text.strip()
    if not text:
        return None
    return int(text) if text.isdecimal() and len(text) < 10 else text


def _text(value: Any) -> str:
    return "" if value is None else str(value)
