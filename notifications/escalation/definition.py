"""The definition of an escalation policy: read from JSON and written back. Pure. Errors name their place, such as
``steps[1].targets[0].id``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter

from aiops.kernel.errors import InvalidInput
from aiops.kernel.validation import (
    Filled,
    Key,
    Maybe,
    Minutes,
    Text,
    Whole,
    Words,
    in_minutes,
    read,
    unique,
)
from incidents.choices import Priority, Severity
from notifications.choices import Urgency
from notifications.delivery.target import Target
from notifications.oncall.windows import RESPONDER, Window

STEPS = 20
TARGETS = 20
REPEATS = 10
FALLBACKS = 100
LONGEST = 7 * 24 * 60  # minutes of any wait
FINAL_WAIT = 15  # minutes

SEVERITIES = {severity.word: severity for severity in reversed(Severity)}
SeverityWord = Annotated[Severity, Words(SEVERITIES)]
PriorityName = Annotated[Priority, Words({priority.name: priority for priority in Priority})]
Wait = Annotated[timedelta, Minutes(0, LONGEST)]
Span = Annotated[timedelta, Minutes(1, LONGEST)]


@dataclass(frozen=True, slots=True)
class Conditions:
    """When a step applies; what is empty asks nothing."""

    severities: Annotated[tuple[SeverityWord, ...], AfterValidator(unique)] = ()
    priorities: Annotated[tuple[PriorityName, ...], AfterValidator(unique)] = ()
    window: Maybe[Filled[Window]] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One level. *delay* is waited before it; then its people are told, and *repeat_times* more, each after *repeat_every*.

    Where the conditions do not hold it is skipped, or with *stops* the escalation ends there. *urgency* None: by the incident.
    """

    name: Annotated[str, Text(100)] = ""
    delay: Annotated[Wait, Field(alias="delay_minutes")] = timedelta(0)
    repeat_every: Annotated[Wait, Field(alias="repeat_every_minutes")] = timedelta(0)
    repeat_times: Annotated[int, Whole(0, REPEATS)] = 0
    targets: Annotated[tuple[Filled[Target], ...], Field(min_length=1, max_length=TARGETS)]
    conditions: Filled[Conditions] = Conditions()
    stops: Annotated[bool, Words({"skip": False, "stop": True}), Field(alias="otherwise")] = False
    urgency: Annotated[Urgency | None, Words({"auto": None, "high": Urgency.HIGH, "low": Urgency.LOW})] = None

    @property
    def responders_hours(self) -> Window | None:
        """The step's hours when they are on the clock of whoever would be told: each is asked by their own."""
        window = self.conditions.window
        return window if window is not None and window.time_zone == RESPONDER else None


@dataclass(frozen=True, slots=True)
class Stop:
    """The rules that end a run: it has gone on for *after*, or its severity is below *below*."""

    after: Annotated[Span | None, Field(alias="after_minutes")] = None
    below: Annotated[SeverityWord | None, Field(alias="below_severity")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A whole policy. After the last step *final_wait* passes before all of it is repeated, *repeat* times, or has run out.

    *acknowledge* is how long an acknowledgement holds unless its owner acts (None: for good). *fallback* are the destinations
    that hear when nobody answered.
    """

    steps: Annotated[tuple[Filled[Step], ...], Field(min_length=1, max_length=STEPS)]
    repeat: Annotated[int, Whole(0, REPEATS)] = 0
    final_wait: Annotated[Span, Field(alias="final_wait_minutes")] = timedelta(minutes=FINAL_WAIT)
    acknowledge: Annotated[Span | None, Field(alias="acknowledge_minutes")] = None
    fallback: Annotated[
        tuple[Key, ...], AfterValidator(unique), Field(alias="fallback_destinations", max_length=FALLBACKS)
    ] = ()
    stop: Filled[Stop] = Stop()

    @classmethod
    def of_json(cls, data: Any) -> Definition:
        """Read the JSON form; raises :class:`InvalidInput` whose location is what is wrong."""
        definition = read(_DEFINITION, data, "definition")
        definition._check_repeats()
        return definition

    def as_json(self) -> dict[str, Any]:
        """The JSON form; what it says reads back as the same value."""
        return _DEFINITION.dump_python(self, mode="json", by_alias=True)

    def targets(self) -> Iterator[Target]:
        """Everybody whom a step tells."""
        return (target for step in self.steps for target in step.targets)

    def _check_repeats(self) -> None:
        """Repeats go out while a level waits: what would never be sent is refused, not dropped."""
        waits = [*(step.delay for step in self.steps[1:]), self.final_wait]
        for place, (step, wait) in enumerate(zip(self.steps, waits, strict=True)):
            if step.repeat_times and not step.repeat_every:
                raise InvalidInput.at(
                    ("steps", place, "repeat_every_minutes"), "expected at least 1 where it is repeated."
                )
            if step.repeat_times and step.repeat_every * step.repeat_times >= wait:
                raise InvalidInput.at(
                    ("steps", place, "repeat_times"),
                    f"{step.repeat_times} repeats, one every {in_minutes(step.repeat_every)} min, "
                    f"do not fit in the {in_minutes(wait)} min before what comes next.",
                )


_DEFINITION: TypeAdapter[Definition] = TypeAdapter(Filled[Definition])
