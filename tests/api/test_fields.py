"""Instants and durations as callers write them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from aiops.api.fields import parse_duration, parse_instant


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-19T14:30:00Z", "2026-03-19T14:30:00+00:00"),
        ("2026-03-19t14:30:00z", "2026-03-19T14:30:00+00:00"),
        ("2026-03-19T14:30Z", "2026-03-19T14:30:00+00:00"),
        ("2026-03-19 14:30:00Z", "2026-03-19T14:30:00+00:00"),
        ("2026-03-19T14:30:00.123456789Z", "2026-03-19T14:30:00.123456+00:00"),
        ("2026-03-19T14:30:00+02:00", "2026-03-19T12:30:00+00:00"),
        ("2026-03-19T14:30:00 02:00", "2026-03-19T12:30:00+00:00"),  # the + of an unescaped URL
        ("2026-03-19T14:30:00-05:30", "2026-03-19T20:00:00+00:00"),
        ("2026-03-19T14:30:00", None),
        ("2026-03-19", None),
        ("2026-13-19T14:30:00Z", None),
        ("2026-03-19T25:30:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("٢٠٢٦-03-19T14:30:00Z", None),
        ("yesterday", None),
        ("1773930600", None),
        ("", None),
    ],
)
def test_instants(text: str, expected: str | None) -> None:
    assert parse_instant(text) == (datetime.fromisoformat(expected) if expected else None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", timedelta(minutes=30)),
        ("1h", timedelta(hours=1)),
        ("2h30m", timedelta(hours=2, minutes=30)),
        ("1.5h", timedelta(minutes=90)),
        (".5m", timedelta(seconds=30)),
        ("1h1m1s500ms", timedelta(hours=1, minutes=1, seconds=1, milliseconds=500)),
        ("90s", timedelta(seconds=90)),
        ("250us", timedelta(microseconds=250)),
        ("250µs", timedelta(microseconds=250)),
        ("1ns", timedelta(0)),
        ("+5m", timedelta(minutes=5)),
        ("-5m", timedelta(minutes=-5)),
        ("0s", timedelta(0)),
        ("30", None),
        ("30 m", None),
        ("1d", None),
        ("m", None),
        ("1h-5m", None),
        ("٣m", None),
        ("", None),
        ("999999999999h", None),
        ("1m" * 40, None),
    ],
)
def test_durations(text: str, expected: timedelta | None) -> None:
    assert parse_duration(text) == expected
