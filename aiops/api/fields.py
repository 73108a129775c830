"""Serializer fields for instants and durations, as the dialects read and write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from rest_framework import serializers

from aiops.kernel.clock import rfc3339

RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
EXPECTED_INSTANT = "an RFC 3339 time with its zone, such as 2026-03-19T14:30:00Z"

PART = r"(\d{1,12}(?:\.\d{0,9})?|\.\d{1,9})(ns|us|µs|μs|ms|s|m|h)"
GO_DURATION = re.compile(rf"[+-]?(?:{PART})+", re.ASCII)
SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
MAX_DURATION_TEXT = 64
EXPECTED_DURATION = "a duration such as 30m, 1h or 2h30m"


def parse_instant(text: str) -> datetime | None:
    """An RFC 3339 time, in UTC; None when it is none. A ``+`` that an unescaped URL turned into a blank is read as meant."""
    text = re.sub(r"(:\S+) (\d\d:\d\d)$", r"\1+\2", text.strip())
    if not RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_duration(text: str) -> timedelta | None:
    """A duration in Go's syntax (``2h30m``, ``1.5h``, ``-10s``); None when it is none."""
    if len(text) > MAX_DURATION_TEXT or not GO_DURATION.fullmatch(text):
        return None
    seconds = sum(float(number) * SECONDS[unit] for number, unit in re.findall(PART, text))
    try:
        return timedelta(seconds=-seconds if text.startswith("-") else seconds)
    except OverflowError:
        return None


class InstantField(serializers.DateTimeField):
    """Out: UTC with ``Z``, cut to *timespec* (as in ``datetime.isoformat``). In: RFC 3339 with a zone."""

    default_error_messages = {"invalid": f"must be {EXPECTED_INSTANT}"}

    def __init__(self, *, timespec: str = "seconds", **kwargs: Any) -> None:
        self.timespec = timespec
        super().__init__(**kwargs)

    def to_representation(self, value: datetime | None) -> Any:
        return rfc3339(value, timespec=self.timespec)

    def to_internal_value(self, value: Any) -> datetime:
        instant = parse_instant(value) if isinstance(value, str) else None
        if instant is None:
            self.fail("invalid")
        return instant


class DurationField(serializers.CharField):
    """In: Go's syntax. The service says how long is allowed."""

    default_error_messages = {"no_duration": f"must be {EXPECTED_DURATION}"}

    def to_internal_value(self, data: Any) -> Any:
        duration = parse_duration(super().to_internal_value(data))
        if duration is None:
            self.fail("no_duration")
        return duration
