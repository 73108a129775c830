"""A what-if in the shape of the client dialect's tiers. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from notifications.escalation.services.whatif import Line


def preview(lines: Sequence[Line], elapsed: int) -> dict[str, Any]:
    """``announced``, ``tiers``, ``current_tier``, ``current_level``, ``next`` and ``end``, after *elapsed* minutes."""
    tiers: dict[int, dict[str, Any]] = {}
    for line in lines:
        if line.step is not None:
            _add(tiers, line, line.step, elapsed)
    told = [line for line in lines if line.what == "told" and line.minutes <= elapsed and line.step is not None]
    current = max(told, key=lambda line: line.minutes, default=None)
    return {
        "current_tier": current.step + 1 if current and current.step is not None else None,
        "current_level": current.level if current else None,
        "announced": [_contact(line) for line in lines if line.what == "announced"],
        "tiers": [tiers[step] for step in sorted(tiers)],
        "next": _next(lines, elapsed),
        "end": _end(lines),
    }


def _add(tiers: dict[int, dict[str, Any]], line: Line, step: int, elapsed: int) -> None:
    tier = tiers.setdefault(
        step,
        {
            "tier": step + 1,
            "name": line.level,
            "after_minutes": line.minutes,
            "reached": line.minutes <= elapsed,
            "contacts": [],
            "note": "",
        },
    )
    if line.what == "told":
        tier["contacts"].append(_contact(line))
    elif not tier["contacts"]:
        tier["note"] = line.note


def _next(lines: Sequence[Line], elapsed: int) -> dict[str, Any] | None:
    """The first thing that has not happened yet."""
    ahead = [line for line in lines if line.minutes > elapsed]
    if not ahead:
        return None
    line = min(ahead, key=lambda one: one.minutes)
    tier = line.step + 1 if line.step is not None else None
    return {"tier": tier, "name": line.level or line.what, "in_minutes": line.minutes - elapsed}


def _end(lines: Sequence[Line]) -> dict[str, Any]:
    last = next(line for line in reversed(lines) if line.what in ("exhausted", "stopped"))
    fallback = [line for line in lines if line.what == "fallback"]
    return {
        "what": last.what,
        "after_minutes": last.minutes,
        "fallback": [_contact(line) for line in fallback if line.via],
        "note": "; ".join(filter(None, [last.note, *(line.note for line in fallback if not line.via)])),
    }


def _contact(line: Line) -> dict[str, Any]:
    return {"who": line.who, "via": line.via, "channel": line.kind, "minutes": line.minutes, "note": line.note}
