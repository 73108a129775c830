"""The schedule editor: the form's input as a draft for the service, and back. First hand-overs are on the layer's own
clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import QueryDict

from aiops.access.models import User, Workspace
from aiops.kernel.errors import InvalidInput, Location, path_of
from aiops.kernel.validation import zones
from notifications.choices import RotationUnit
from notifications.oncall import FUTURE
from notifications.oncall.console.forms import STAMP, read_wall
from notifications.oncall.models import Schedule
from notifications.oncall.selectors.schedules import members_of
from notifications.oncall.services.schedule_preview import AHEAD, Foretold
from notifications.oncall.services.schedules import MOST_LAYERS, MOST_MEMBERS, LayerDraft, ScheduleDraft
from notifications.oncall.wall import instant_of, wall_of

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
SPARE = 2  # empty places for members and one for restrictions, always
MOST_RULES = 20
MOST_LINES = 12  # of who is on call instead of whom
# The fields beside which there is room for what is wrong with them.
PLACED = re.compile(
    r"name|time_zone|team|fallback|layer-\d+-(name|length|unit|starts_at|ends_at|member|time_zone|rule-\d+-(from|to))"
)


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A restriction as typed."""

    days: tuple[int, ...] = ()
    begins: str = ""
    ends: str = ""

    @property
    def choices(self) -> list[tuple[int, str, bool]]:
        """The seven days: number, word, whether it is chosen."""
        return [(number, word, number in self.days) for number, word in enumerate(DAYS)]


@dataclass(frozen=True, slots=True)
class LayerRow:
    """A layer as typed."""

    id: str = ""
    name: str = ""
    order: str = ""
    length: str = "1"
    unit: str = RotationUnit.WEEK
    time_zone: str = ""
    starts_at: str = ""
    ends_at: str = ""
    members: tuple[str, ...] = ()
    rules: tuple[RuleRow, ...] = ()
    remove: bool = False

    @property
    def places(self) -> tuple[str, ...]:
        """The members and some empty places."""
        return (*self.members, *[""] * SPARE)

    @property
    def rule_places(self) -> tuple[RuleRow, ...]:
        """The restrictions and an empty one."""
        return (*self.rules, RuleRow())


@dataclass(frozen=True, slots=True)
class Sheet:
    """The whole editor as typed."""

    name: str = ""
    description: str = ""
    team: str = ""
    time_zone: str = "UTC"
    fallback: str = ""
    alert_on_gaps: bool = True
    layers: tuple[LayerRow, ...] = field(default_factory=tuple)


def sheet_of(draft: ScheduleDraft) -> Sheet:
    """A draft as it is typed."""
    rows = [_row(layer, place, draft.time_zone) for place, layer in enumerate(draft.layers)]
    return Sheet(
        name=draft.name,
        description=draft.description,
        team=str(draft.team_id or ""),
        time_zone=draft.time_zone,
        fallback=str(draft.fallback_id or ""),
        alert_on_gaps=draft.alert_on_gaps,
        layers=tuple(rows),
    )


def read_sheet(data: QueryDict) -> Sheet:
    """What was typed."""
    count = min(_number(data.get("layer-count", "")) or 0, MOST_LAYERS)
    return Sheet(
        name=data.get("name", ""),
        description=data.get("description", ""),
        team=data.get("team", ""),
        time_zone=data.get("time_zone", "").strip(),
        fallback=data.get("fallback", ""),
        alert_on_gaps="alert_on_gaps" in data,
        layers=tuple(_typed(data, f"layer-{n}-") for n in range(count)),
    )


def draft_from(sheet: Sheet) -> ScheduleDraft:
    """The draft that is meant; rows without any member are no layers. ``InvalidInput`` for what can't be read."""
    places = places_of(sheet)
    return ScheduleDraft(
        name=sheet.name,
        description=sheet.description,
        team_id=_number(sheet.team),
        time_zone=sheet.time_zone,
        fallback_id=_number(sheet.fallback),
        alert_on_gaps=sheet.alert_on_gaps,
        layers=[_layer(place, sheet.layers[place], sheet.time_zone) for place in places],
    )


def places_of(sheet: Sheet) -> list[int]:
    """Which rows are layers, in the order in which they are meant."""
    meant = [place for place, row in enumerate(sheet.layers) if row.members and not row.remove]
    return sorted(meant, key=lambda place: (_number(sheet.layers[place].order) or 99, place))


def typed_name(location: Location, sheet: Sheet) -> str:
    """The name of the form's field for one of a draft: ``layers[1].restrictions[0].from`` → ``layer-3-rule-0-from``."""
    places = places_of(sheet)
    match location:
        case ("layers", int(n), "members", *_) if n < len(places):
            return f"layer-{places[n]}-member"
        case ("layers", int(n), "restrictions", int(rule), str(name), *_) if n < len(places):
            return f"layer-{places[n]}-rule-{rule}-{name}"
        case ("layers", int(n), str(name), *_) if n < len(places):
            return f"layer-{places[n]}-{name}"
    return path_of(location)


def foretold_context(found: Foretold) -> dict[str, Any]:
    """Who keeps it until when, and who has it then instead of whom."""
    ids = {user_id for change in found.changes for user_id in (change.was, change.becomes) if user_id is not None}
    names = {user.pk: user.display_name for user in User.objects.filter(pk__in=ids | _holder_of(found))}
    lines = [
        {
            "start": change.start,
            "now": change.start <= found.now,
            "end": None if change.end >= found.until else change.end,
            "was": names.get(change.was or 0),
            "becomes": names.get(change.becomes or 0),
        }
        for change in found.changes
    ]
    keeps = found.holder if found.holder is not None and found.changes[0].start > found.now else None
    return {
        "keeper": names.get(keeps.user_id) if keeps else None,
        "until": keeps.end if keeps and keeps.end < FUTURE else None,
        "lines": lines[:MOST_LINES],
        "more": max(0, len(lines) - MOST_LINES),
        "weeks": AHEAD.days // 7,
        "seal": found.seal,
    }


def _holder_of(found: Foretold) -> set[int]:
    return {found.holder.user_id} if found.holder is not None else set()


def editor_context(sheet: Sheet, workspace: Workspace, schedule: Schedule | None, now: datetime) -> dict[str, Any]:
    """What the editor's page shows."""
    zone = sheet.time_zone if sheet.time_zone in zones() else "UTC"
    there = wall_of(now, ZoneInfo(zone))
    nine = (there - timedelta(hours=9)).replace(hour=9, minute=0)  # the last one, so that somebody has it from now on
    blank = LayerRow(starts_at=nine.strftime(STAMP), order=str(len(sheet.layers) + 1))
    return {
        "sheet": sheet,
        "layers": [(f"layer-{place}-", row) for place, row in enumerate((*sheet.layers, blank))],
        "layer_count": len(sheet.layers) + 1,
        "workspace": workspace,
        "schedule": schedule,
        "teams": workspace.teams.order_by("name"),
        "members": _people(members_of(workspace.pk).order_by("username")),
        "zones": sorted(zones()),
        "units": RotationUnit.choices,
        "section": "oncall",
    }


def _people(users: Iterable[User]) -> list[tuple[str, str]]:
    return [(str(user.pk), user.display_name) for user in users]


def _row(layer: LayerDraft, place: int, schedule_zone: str) -> LayerRow:
    zone = ZoneInfo(layer.time_zone or schedule_zone)
    return LayerRow(
        id=str(layer.id or ""),
        name=layer.name,
        order=str(place + 1),
        length=str(layer.length),
        unit=layer.unit,
        time_zone=layer.time_zone,
        starts_at=wall_of(layer.starts_at, zone).strftime(STAMP),
        ends_at=wall_of(layer.ends_at, zone).strftime(STAMP) if layer.ends_at else "",
        members=tuple(str(user_id) for user_id in layer.members),
        rules=tuple(RuleRow(tuple(rule["days"]), rule["from"], rule["to"]) for rule in layer.restrictions),
    )


def _typed(data: QueryDict, prefix: str) -> LayerRow:
    rules = min(_number(data.get(f"{prefix}rule-count", "")) or 0, MOST_RULES)
    return LayerRow(
        id=data.get(f"{prefix}id", ""),
        name=data.get(f"{prefix}name", ""),
        order=data.get(f"{prefix}order", ""),
        length=data.get(f"{prefix}length", "1"),
        unit=data.get(f"{prefix}unit", ""),
        time_zone=data.get(f"{prefix}time_zone", "").strip(),
        starts_at=data.get(f"{prefix}starts_at", ""),
        ends_at=data.get(f"{prefix}ends_at", ""),
        members=tuple(filter(None, data.getlist(f"{prefix}member")))[:MOST_MEMBERS],
        rules=tuple(rule for n in range(rules) if (rule := _typed_rule(data, f"{prefix}rule-{n}-"))),
        remove=f"{prefix}remove" in data,
    )


def _typed_rule(data: QueryDict, prefix: str) -> RuleRow | None:
    """None for one that says nothing."""
    begins, ends = data.get(f"{prefix}from", "").strip(), data.get(f"{prefix}to", "").strip()
    days = tuple(int(day) for day in data.getlist(f"{prefix}day") if day in {"0", "1", "2", "3", "4", "5", "6"})
    return RuleRow(days, begins, ends) if begins or ends else None


def _layer(place: int, row: LayerRow, schedule_zone: str) -> LayerDraft:
    name, prefix = row.name or f"Layer {row.order}", f"layer-{place}-"
    zone = row.time_zone or schedule_zone
    if zone not in zones():
        field = f"{prefix}time_zone" if row.time_zone else "time_zone"
        name = name if row.time_zone else "The schedule"
        raise InvalidInput(f"{name}: {zone[:64]!r} is no IANA time zone such as Europe/Berlin", field=field)
    if row.unit not in RotationUnit.values:
        raise InvalidInput(f"{name}: choose hours, days, weeks or months", field=f"{prefix}unit")
    if (starts_at := _instant(row.starts_at, zone, f"{prefix}starts_at")) is None:
        raise InvalidInput(f"{name}: say when the first turn begins", field=f"{prefix}starts_at")
    return LayerDraft(
        id=_number(row.id),
        name=row.name,
        time_zone=row.time_zone,
        length=_number(row.length) or 0,
        unit=RotationUnit(row.unit),
        starts_at=starts_at,
        ends_at=_instant(row.ends_at, zone, f"{prefix}ends_at"),
        members=[_number(member) or 0 for member in row.members],
        restrictions=_rules(row.rules),
    )


def _rules(rules: Sequence[RuleRow]) -> list[dict[str, Any]]:
    return [{"days": list(rule.days), "from": rule.begins, "to": rule.ends} for rule in rules]


def _instant(text: str, zone: str, field: str) -> datetime | None:
    if not text.strip():
        return None
    if (wall := read_wall(text)) is None:
        raise InvalidInput(f"{text[:40]!r} is no date and time such as 2026-03-19T09:00", field=field)
    return instant_of(wall, ZoneInfo(zone))


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 19 else None
