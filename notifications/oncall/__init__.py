"""Who is on call: rotations, overrides, gaps, calendars. Pure; spans are half-open, instants aware."""

from __future__ import annotations
