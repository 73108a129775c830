"""The routes that an incident takes. Pure. Every matching route notifies its destinations; a destination is notified
once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, TypeAdapter

from aiops.kernel.validation import Filled, Key, Maybe, Text, Whole, Words, ZoneName, read, unique
from incidents.choices import Severity
from notifications.choices import ChannelKind
from notifications.escalation.definition import SeverityWord
from notifications.oncall.windows import Window, hours, within


def _lowered(word: Any) -> Any:
    return word.strip().lower() if isinstance(word, str) else word


Lowered = BeforeValidator(_lowered)
Kind = Annotated[ChannelKind, Words({str(kind): kind for kind in ChannelKind}), Lowered]
Label = Annotated[str, Text(200, least=1, strip=False)]


@dataclass(frozen=True, slots=True)
class RouteWindow(Window):
    """The hours of a route, which are on nobody's own clock."""

    time_zone: ZoneName = "UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A route's rules and where it leads. What is empty asks nothing.

    *labels* are patterns: ``*`` and ``?`` match as in file names, and a label that the incident lacks matches none.
    *channels* stand for every usable shared destination of their kinds; *destinations* are ids.
    """

    name: Annotated[str, Text(200, least=1)]
    enabled: StrictBool = True
    position: Annotated[int, Whole(0, 32_767)] = 0
    severities: Annotated[
        tuple[Annotated[SeverityWord, Lowered], ...],
        AfterValidator(lambda given: tuple(sorted(set(given), reverse=True))),
    ] = ()
    service_id: int | None = None
    team_id: int | None = None
    labels: Annotated[Mapping[Label, Label], Field(max_length=20)] = field(default_factory=dict)
    window: Maybe[Filled[RouteWindow]] = None
    channels: Annotated[tuple[Kind, ...], AfterValidator(unique)] = ()
    destinations: Annotated[tuple[Key, ...], AfterValidator(unique), Field(max_length=100)] = ()

    @classmethod
    def of_json(cls, data: Any) -> Rule:
        """Read the JSON form; raises ``InvalidInput`` whose location is what is wrong."""
        return read(_RULE, data)

    def as_json(self) -> dict[str, Any]:
        """The JSON form; what it says reads back as the same value."""
        return _RULE.dump_python(self, mode="json", by_alias=True)


_RULE: TypeAdapter[Rule] = TypeAdapter(Rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What routes ask of an incident. *team_id* owns the service."""

    severity: Severity
    service_id: int
    team_id: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


def why_not(rule: Rule, about: About, now: datetime) -> str:
    """Why the route does not take the incident at *now*; "" when it does."""
    if not rule.enabled:
        return "it is switched off"
    if rule.severities and about.severity not in rule.severities:
        return f"not for severity {about.severity.word}"
    if rule.service_id is not None and rule.service_id != about.service_id:
        return "for another service"
    if rule.team_id is not None and rule.team_id != about.team_id:
        return "for services of another team"
    for name, pattern in rule.labels.items():
        value = about.labels.get(name)
        if value is None or not fnmatchcase(str(value), pattern):
            return f"the label {name} is not {pattern}"
    window = rule.window
    if window is not None and not within(window, now, window.time_zone):
        return f"only {hours(window)} in {window.time_zone}"
    return ""
