"""What people type, as commands."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.responding.commands import Command, duration_and_rest, parse
from notifications.responding.verbs import Verb

ACK, RESOLVE, SNOOZE, NOTE, ESCALATE = Verb.ACKNOWLEDGE, Verb.RESOLVE, Verb.SNOOZE, Verb.NOTE, Verb.ESCALATE


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("ack", Command(ACK)),
        ("ACK.", Command(ACK)),
        ("12 ack", Command(ACK, code=12)),
        ("ack 12", Command(ACK, code=12)),
        ("ack #12 on it", Command(ACK, code=12, text="on it")),
        ("ack all", Command(ACK, everything=True)),
        ("12 snooze 2h", Command(SNOOZE, code=12, text="2h")),
        ("snooze 12 2h", Command(SNOOZE, code=12, text="2h")),
        ("snooze 30", Command(SNOOZE, text="30")),
        ("snooze 30 90", Command(SNOOZE, code=30, text="90")),
        ("resolve INC-20260319-001 rolled back", Command(RESOLVE, reference="INC-20260319-001", text="rolled back")),
        ("ack inc-20260319-001", Command(ACK, reference="INC-20260319-001")),
        ("INC-0000002A escalate", Command(ESCALATE, reference="inc-0000002a")),
        ("note 3 looking at the logs", Command(NOTE, code=3, text="looking at the logs")),
        ("note ack is not what I mean", Command(NOTE, text="ack is not what I mean")),
        ("help", Command(other="help")),
        ("?", Command(other="help")),
        ("on-call", Command(other="oncall")),
        ("list", Command(other="list")),
        ("resolved for me, not for others", Command(text="resolved for me, not for others")),
        ("I am on it", Command(text="I am on it")),
        ("12", Command(text="12")),
        ("", Command()),
    ],
)
def test_commands(line: str, command: Command) -> None:
    assert parse(line) == command


@pytest.mark.parametrize(
    ("text", "length", "rest"),
    [
        ("2h", timedelta(hours=2), ""),
        ("for 2 hours, waiting for the vendor", timedelta(hours=2), "waiting for the vendor"),
        ("1h30m", timedelta(minutes=90), ""),
        ("1h 30 min lunch", timedelta(minutes=90), "lunch"),
        ("45", timedelta(minutes=45), ""),
        ("1d", timedelta(days=1), ""),
        ("2h\nwaiting", timedelta(hours=2), "waiting"),
        ("30 5xx are fine", timedelta(minutes=30), "5xx are fine"),
        ("until 14:00", None, "until 14:00"),
        ("14:00", None, "14:00"),
        ("1.5h", None, "1.5h"),
        ("5 monkeys", timedelta(minutes=5), "monkeys"),
        ("a while", None, "a while"),
    ],
)
def test_durations(text: str, length: timedelta | None, rest: str) -> None:
    assert duration_and_rest(text) == (length, rest)


@given(st.text(max_size=80))
def test_whatever_is_typed_is_read(line: str) -> None:
    command = parse(line)
    assert command.understood or command.text == line.strip()
    duration_and_rest(line)
