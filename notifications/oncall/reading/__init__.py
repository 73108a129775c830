"""The iCalendar reader: foreign calendars, event by event, as plain values. It runs in a process of its own."""

from __future__ import annotations

from notifications.oncall.reading.reader import read

__all__ = ["read"]
