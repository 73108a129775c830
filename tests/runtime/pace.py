"""Limits in seconds, on machines of any speed."""

from __future__ import annotations

import time

ROUNDS = 1_000_000
USUAL = 0.06  # seconds that so many rounds take on the machine for which limits are written


def at_usual_pace(seconds: float) -> float:
    """How long something may take here and now, that must not take more than *seconds* on a usual machine."""
    began = time.perf_counter()
    total = 0
    for number in range(ROUNDS):
        total += number
    return seconds * max(1.0, (time.perf_counter() - began) / USUAL)
