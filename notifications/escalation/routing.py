"""Pure: which routes an incident takes. All that match are told; a destination once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from incidents.choices import Severity
from notifications.choices import ChannelKind
from notifications.escalation.definition import Window
from notifications.escalation.moves import hours, within


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A route's rules and where it leads. What is empty asks nothing.

    *labels* are patterns: ``*`` and ``?`` match as in file names, and a label that the incident lacks matches none.
    *channels* stand for every usable shared destination of their kinds; *destinations* are ids.
    """

    name: str
    enabled: bool = True
    severities: tuple[Severity, ...] = ()
    service_id: int | None = None
    team_id: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    window: Window | None = None
    channels: tuple[ChannelKind, ...] = ()
    destinations: tuple[int, ...] = ()


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
