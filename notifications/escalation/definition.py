"""Pure: what a policy says, read from its JSON and written back. Errors name the place, such as ``steps[1].targets[0].id``."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any

from aiops.kernel.errors import InvalidInput
from incidents.choices import Priority, Severity
from notifications.choices import TargetKind, Urgency

STEPS = 20
TARGETS = 20
REPEATS = 10
LONGEST = 7 * 24 * 60  # minutes of any wait
RESPONDER = "responder"  # a window on the clock of whoever would be told
FINAL_WAIT = 15  # minutes


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a step tells."""

    kind: TargetKind
    id: int


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of some weekdays (0 is Monday; none: every day) in a zone; *ends* at or before *begins* is the next day's."""

    days: tuple[int, ...]
    begins: time
    ends: time
    time_zone: str


@dataclass(frozen=True, slots=True)
class Conditions:
    """When a step applies; what is empty asks nothing."""

    severities: tuple[Severity, ...] = ()
    priorities: tuple[Priority, ...] = ()
    window: Window | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One level. *delay* is waited before it; then its people are told, and *repeat_times* more, each after *repeat_every*.

    Where the conditions do not hold it is skipped, or with *stops* the escalation ends there. *urgency* None: by the incident.
    """

    name: str
    delay: timedelta
    targets: tuple[Target, ...]
    repeat_every: timedelta = timedelta(0)
    repeat_times: int = 0
    conditions: Conditions = Conditions()
    stops: bool = False
    urgency: Urgency | None = None

    @property
    def responders_hours(self) -> Window | None:
        """The step's hours when they are on the clock of whoever would be told: each is asked by their own."""
        window = self.conditions.window
        return window if window is not None and window.time_zone == RESPONDER else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A whole policy. After the last step *final_wait* passes before all of it is repeated, *repeat* times, or has run out.

    *acknowledge* is how long an acknowledgement holds unless its owner acts (None: for good). *stop_after* and *stop_below* end
    a run by rule. *fallback* are the destinations that hear when nobody answered.
    """

    steps: tuple[Step, ...]
    repeat: int = 0
    final_wait: timedelta = timedelta(minutes=FINAL_WAIT)
    acknowledge: timedelta | None = None
    fallback: tuple[int, ...] = ()
    stop_after: timedelta | None = None
    stop_below: Severity | None = None

    @classmethod
    def of_json(cls, data: Any) -> Definition:
        """Read the JSON form; raises :class:`InvalidInput` whose field is the path of what is wrong."""
        top = _Object(data, "definition")
        stop = top.child("stop")
        read = cls(
            steps=tuple(_step(item) for item in top.items("steps", STEPS)),
            repeat=top.number("repeat", 0, REPEATS),
            final_wait=top.minutes("final_wait_minutes", FINAL_WAIT, least=1),
            acknowledge=top.optional_minutes("acknowledge_minutes"),
            fallback=tuple(top.ids("fallback_destinations")),
            stop_after=stop.optional_minutes("after_minutes"),
            stop_below=next(iter(stop.severities([stop.data.get("below_severity")], "below_severity")), None),
        )
        if not read.steps:
            raise InvalidInput("steps: expected at least one step.", field="steps")
        read._check_repeats()
        return read

    def as_json(self) -> dict[str, Any]:
        """The JSON form; what it says reads back as the same value."""
        return {
            "steps": [_step_json(step) for step in self.steps],
            "repeat": self.repeat,
            "final_wait_minutes": _in_minutes(self.final_wait),
            "acknowledge_minutes": _in_minutes(self.acknowledge) if self.acknowledge else None,
            "fallback_destinations": list(self.fallback),
            "stop": {
                "after_minutes": _in_minutes(self.stop_after) if self.stop_after else None,
                "below_severity": self.stop_below.word if self.stop_below else None,
            },
        }

    def _check_repeats(self) -> None:
        """Repeats go out while a level waits: what would never be sent is refused, not dropped."""
        waits = [*(step.delay for step in self.steps[1:]), self.final_wait]
        for place, (step, wait) in enumerate(zip(self.steps, waits, strict=True)):
            field = f"steps[{place}].repeat_times"
            if step.repeat_times and not step.repeat_every:
                raise InvalidInput(
                    f"steps[{place}].repeat_every_minutes: expected at least 1 where {field} is set.",
                    field=f"steps[{place}].repeat_every_minutes",
                )
            if step.repeat_times and step.repeat_every * step.repeat_times >= wait:
                raise InvalidInput(
                    f"{field}: {step.repeat_times} repeats, one every {_in_minutes(step.repeat_every)} min, "
                    f"do not fit in the {_in_minutes(wait)} min before what comes next.",
                    field=field,
                )

    def targets(self) -> Iterator[tuple[str, Target]]:
        """Every target with its path."""
        for place, step in enumerate(self.steps):
            for n, target in enumerate(step.targets):
                yield f"steps[{place}].targets[{n}]", target


def read_window(data: Any, path: str, *, responder: bool = True) -> Window | None:
    """A window of hours, None for none; *responder*: whether it may be on the clock of whoever is told."""
    if data in (None, {}):
        return None
    given = _Object(data, path)
    days = given.data.get("days") or []
    if not isinstance(days, list) or not all(type(day) is int and 0 <= day <= 6 for day in days):
        raise InvalidInput(f"{path}.days: expected weekdays from 0 (Monday) to 6.", field=f"{path}.days")
    zone = given.data.get("time_zone") or (RESPONDER if responder else "UTC")
    known = isinstance(zone, str) and zone in zoneinfo.available_timezones()
    if not known and not (zone == RESPONDER and responder):
        raise InvalidInput(
            f"{path}.time_zone: expected an IANA name such as Europe/Berlin{' or “responder”' if responder else ''}.",
            field=f"{path}.time_zone",
        )
    return Window(tuple(sorted(set(days))), given.clock("from"), given.clock("to"), zone)


def window_json(window: Window) -> dict[str, Any]:
    """A window as it is stored."""
    return {
        "days": list(window.days),
        "from": f"{window.begins:%H:%M}",
        "to": f"{window.ends:%H:%M}",
        "time_zone": window.time_zone,
    }


class _Object:
    """A JSON object at a path."""

    def __init__(self, data: Any, path: str) -> None:
        if not isinstance(data, Mapping):
            raise InvalidInput(f"{path}: expected an object.", field=path)
        self.data, self.path = data, "" if path == "definition" else path

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def refuse(self, name: str, expected: str) -> InvalidInput:
        return InvalidInput(f"{self.at(name)}: expected {expected}.", field=self.at(name))

    def child(self, name: str) -> _Object:
        return _Object(self.data.get(name) or {}, self.at(name))

    def items(self, name: str, most: int) -> list[_Object]:
        found = self.data.get(name)
        if not isinstance(found, list):
            raise self.refuse(name, "a list")
        if len(found) > most:
            raise self.refuse(name, f"at most {most}")
        return [_Object(item, f"{self.at(name)}[{place}]") for place, item in enumerate(found)]

    def number(self, name: str, default: int, most: int, least: int = 0) -> int:
        found = self.data.get(name)
        if found is None:
            return default
        if type(found) is not int or not least <= found <= most:
            raise self.refuse(name, f"a whole number from {least} to {most}")
        return found

    def minutes(self, name: str, default: int, least: int = 0) -> timedelta:
        return timedelta(minutes=self.number(name, default, LONGEST, least))

    def optional_minutes(self, name: str) -> timedelta | None:
        return self.minutes(name, 0, 1) if self.data.get(name) is not None else None

    def ids(self, name: str) -> list[int]:
        found = self.data.get(name) or []
        if not isinstance(found, list) or not all(type(pk) is int for pk in found):
            raise self.refuse(name, "a list of ids")
        return list(dict.fromkeys(found))

    def word(self, name: str, words: Mapping[str, Any], default: str) -> Any:
        found = self.data.get(name) or default
        if not isinstance(found, str) or found not in words:
            raise self.refuse(name, f"one of {', '.join(words)}")
        return words[found]

    def severities(self, given: Any, name: str) -> tuple[Severity, ...]:
        words = {severity.word: severity for severity in Severity}
        found = [word for word in given or [] if word is not None] if isinstance(given, list) else None
        if found is None or not all(isinstance(word, str) and word in words for word in found):
            raise self.refuse(name, f"severities among {', '.join(reversed(words))}")
        return tuple(words[word] for word in dict.fromkeys(found))

    def clock(self, name: str) -> time:
        try:
            return time.fromisoformat(str(self.data.get(name))).replace(second=0, microsecond=0, tzinfo=None)
        except ValueError:
            raise self.refuse(name, "a time of day such as 09:00") from None


def _step(given: _Object) -> Step:
    name = given.data.get("name") or ""
    if not isinstance(name, str) or len(name) > 100:
        raise given.refuse("name", "a text of at most 100 characters")
    targets = tuple(_target(item) for item in given.items("targets", TARGETS))
    if not targets:
        raise given.refuse("targets", "at least one")
    conditions = given.child("conditions")
    priorities = conditions.data.get("priorities") or []
    if not isinstance(priorities, list) or not all(word in Priority.__members__ for word in map(str, priorities)):
        raise conditions.refuse("priorities", "priorities among P1, P2, P3, P4")
    return Step(
        name=name.strip(),
        delay=given.minutes("delay_minutes", 0),
        targets=targets,
        repeat_every=given.minutes("repeat_every_minutes", 0),
        repeat_times=given.number("repeat_times", 0, REPEATS),
        conditions=Conditions(
            conditions.severities(conditions.data.get("severities"), "severities")
            if conditions.data.get("severities")
            else (),
            tuple(Priority[word] for word in dict.fromkeys(priorities)),
            read_window(conditions.data.get("window"), conditions.at("window")),
        ),
        stops=given.word("otherwise", {"skip": False, "stop": True}, "skip"),
        urgency=given.word("urgency", {"auto": None, "high": Urgency.HIGH, "low": Urgency.LOW}, "auto"),
    )


def _target(given: _Object) -> Target:
    kind = given.word("kind", {str(kind): kind for kind in TargetKind}, "")
    pk = given.data.get("id")
    if type(pk) is not int:
        raise given.refuse("id", "the id of a person, team, schedule, destination or workspace")
    return Target(kind, pk)


def _step_json(step: Step) -> dict[str, Any]:
    conditions = step.conditions
    return {
        "name": step.name,
        "delay_minutes": _in_minutes(step.delay),
        "repeat_every_minutes": _in_minutes(step.repeat_every),
        "repeat_times": step.repeat_times,
        "targets": [{"kind": str(target.kind), "id": target.id} for target in step.targets],
        "conditions": {
            "severities": [severity.word for severity in conditions.severities],
            "priorities": [priority.name for priority in conditions.priorities],
            "window": window_json(conditions.window) if conditions.window else None,
        },
        "otherwise": "stop" if step.stops else "skip",
        "urgency": str(step.urgency) if step.urgency else "auto",
    }


def _in_minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
