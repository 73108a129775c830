"""Restrictions as JSON: ``[{"days": [0, 1, 2, 3, 4], "from": "17:00", "to": "09:00"}]``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import time
from typing import Any

from aiops.kernel.errors import InvalidInput
from notifications.oncall.values import Restriction

CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
MOST = 50


def of_json(data: Any) -> tuple[Restriction, ...]:
    """Read and check them; raises ``InvalidInput`` naming the place, such as ``restrictions[1].from``."""
    if not isinstance(data, list) or len(data) > MOST:
        raise InvalidInput(f"restrictions must be a list of at most {MOST}", field="restrictions")
    return tuple(_one(item, f"restrictions[{place}]") for place, item in enumerate(data))


def as_json(restrictions: Iterable[Restriction]) -> list[dict[str, Any]]:
    """The same as it is stored."""
    return [
        {"days": sorted(rule.days), "from": f"{rule.begins:%H:%M}", "to": f"{rule.ends:%H:%M}"} for rule in restrictions
    ]


def _one(item: Any, place: str) -> Restriction:
    if not isinstance(item, Mapping):
        raise InvalidInput(f"{place} must be an object with days, from and to", field=place)
    days = item.get("days", [])
    if not isinstance(days, list) or any(type(day) is not int or not 0 <= day <= 6 for day in days):
        raise InvalidInput(
            f"{place}.days must be a list of weekdays from 0 (Monday) to 6 (Sunday)", field=f"{place}.days"
        )
    return Restriction(frozenset(days), _clock(item, "from", place), _clock(item, "to", place))


def _clock(item: Mapping[str, Any], name: str, place: str) -> time:
    text = item.get(name)
    if not isinstance(text, str) or not (match := CLOCK.fullmatch(text)):
        raise InvalidInput(f"{place}.{name} must be a time of day such as 09:00", field=f"{place}.{name}")
    return time(int(match[1]), int(match[2]))
