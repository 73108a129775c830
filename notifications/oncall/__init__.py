"""On-call: schedules, layers, overrides, swaps, time off and calendars. The modules here are pure; the tables are in
``models``.
"""

from __future__ import annotations

from notifications.oncall.final import final_schedule, gaps, layer_shifts, on_call, rotation_index, upcoming
from notifications.oncall.values import (
    FUTURE,
    PAST,
    LayerSpec,
    OverrideSpec,
    Restriction,
    ScheduleSpec,
    Shift,
    Span,
)

__all__ = [
    "FUTURE",
    "PAST",
    "LayerSpec",
    "OverrideSpec",
    "Restriction",
    "ScheduleSpec",
    "Shift",
    "Span",
    "final_schedule",
    "gaps",
    "layer_shifts",
    "on_call",
    "rotation_index",
    "upcoming",
]
