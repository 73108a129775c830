"""The values of a schedule: spans, layers, overrides, shifts.

Instants are aware and kept in UTC, since Python compares two times of one zone by their clocks. Spans are half-open:
from *start* up to, but without, *end*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, PlainSerializer

from aiops.kernel.validation import Clock, Weekday
from notifications.choices import RotationUnit

# What has no beginning or no end that anybody wrote down.
PAST = datetime(1, 1, 3, tzinfo=UTC)
FUTURE = datetime(9999, 12, 29, tzinfo=UTC)

Held = Literal["override", "layer", "fallback"]
Stretch = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Restriction:
    """A stretch of some weekdays (0 is Monday; none named: every day), on the wall clock. *ends* at or before *begins* is the
    next day's."""

    days: Annotated[frozenset[Weekday], PlainSerializer(sorted), Field(default=frozenset())]
    begins: Annotated[Clock, Field(alias="from")]
    ends: Annotated[Clock, Field(alias="to")]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSpec:
    """One rotation. *members* take turns in order, each for *length* *units*; the first turn begins at *starts_at*.

    *offset*: the place of whoever has that first turn. A member who left is None: the turn stays, with nobody, so that it shows
    as a gap and moves nobody else's; *gone* says when those who left later, or came back, were not there (stretches of each,
    sorted). *ends_at* None: no end. *since*: the turns are counted from *starts_at*, but nobody is on before. No *restrictions*:
    round the clock.
    """

    id: int | None
    time_zone: str
    length: int
    unit: RotationUnit
    starts_at: datetime
    members: tuple[int | None, ...]
    since: datetime | None = None
    ends_at: datetime | None = None
    restrictions: tuple[Restriction, ...] = ()
    name: str = ""
    offset: int = 0
    gone: Mapping[int, Sequence[Stretch]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _in_utc(self, "starts_at", "since", "ends_at")

    @property
    def begins(self) -> datetime:
        """From when on somebody can be on."""
        return max(self.starts_at, self.since or PAST)

    @property
    def zone(self) -> ZoneInfo:
        """The zone on whose wall clock it is handed over."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideSpec:
    """*user_id* has it from *starts_at* up to, but without, *ends_at*."""

    id: int | None
    user_id: int
    starts_at: datetime
    ends_at: datetime

    def __post_init__(self) -> None:
        _in_utc(self, "starts_at", "ends_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleSpec:
    """*layers* bottom first; *overrides* in the order in which they were made, so that the last lies on top. *since*: when it was
    made; in what is drawn and counted, the fallback person has nothing before, and nothing is missing. *stand_ins*: who was the
    fallback person up to when, where it was somebody else (None: nobody) than *fallback_id*, sorted; each begins where the one
    before ends."""

    id: int
    name: str
    time_zone: str
    layers: tuple[LayerSpec, ...] = ()
    overrides: tuple[OverrideSpec, ...] = ()
    fallback_id: int | None = None
    since: datetime | None = None
    stand_ins: Sequence[tuple[int | None, datetime]] = ()

    def stand_in(self, at: datetime) -> tuple[int | None, datetime]:
        """Who is the fallback person at *at*, and up to when."""
        return next(((user_id, until) for user_id, until in self.stand_ins if until > at), (self.fallback_id, FUTURE))


@dataclass(frozen=True, slots=True)
class Shift:
    """Somebody is on call. *index* is the member's place in the rotation, from 0 (None: it is no turn of a layer)."""

    user_id: int
    start: datetime
    end: datetime
    source: Held
    layer_id: int | None = None
    index: int | None = None
    override_id: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch with nobody of any layer or override; *fallback*: the fallback person would be paged."""

    start: datetime
    end: datetime
    fallback: bool = False


def _in_utc(value: object, *names: str) -> None:
    for name in names:
        if (at := getattr(value, name)) is not None:
            object.__setattr__(value, name, at.astimezone(UTC))
