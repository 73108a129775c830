"""Hours of weekdays in a time zone, such as those in which a step of a policy applies. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from aiops.kernel.validation import Clock, Weekday, expected, zones

RESPONDER = "responder"  # the zone of a window that is read on the clock of each person who would be notified


def _zone_or_responder(name: Any) -> str:
    if name == RESPONDER or (isinstance(name, str) and name in zones()):
        return name
    raise expected("an IANA name such as Europe/Berlin, or “responder”")


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of some weekdays (0 is Monday; none: every day) in a zone; *ends* at or before *begins* is the next day's."""

    days: Annotated[tuple[Weekday, ...], AfterValidator(lambda days: tuple(sorted(set(days)))), Field(default=())]
    begins: Annotated[Clock, Field(alias="from")]
    ends: Annotated[Clock, Field(alias="to")]
    time_zone: Annotated[str, BeforeValidator(_zone_or_responder)] = RESPONDER


def within(window: Window, now: datetime, zone: str) -> bool:
    """Whether *now* lies in *window* on the clock of *zone*; half-open, and one past midnight belongs to the day it began on."""
    local = now.astimezone(ZoneInfo(zone))
    clock, day = local.time(), local.weekday()
    if window.begins < window.ends:
        return window.begins <= clock < window.ends and _on(window, day)
    return (clock >= window.begins and _on(window, day)) or (clock < window.ends and _on(window, (day - 1) % 7))


def hours(window: Window) -> str:
    """A window in words: ``Mon Tue 09:00–17:00``."""
    days = " ".join(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[day] for day in window.days)
    return f"{days} {window.begins:%H:%M}–{window.ends:%H:%M}".strip()


def _on(window: Window, day: int) -> bool:
    return not window.days or day in window.days
