"""iCalendar of strangers, read event by event. Bytes in, plain values out; it runs in a process of its own."""

from __future__ import annotations

from notifications.oncall.reading.reader import read

__all__ = ["read"]
