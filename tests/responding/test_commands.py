"""What people type, as commands."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.delivery.verbs import Verb
from notifications.replies.commands import Command, duration_and_rest, parse, read

ACK, RESOLVE, SNOOZE, NOTE, ESCALATE = Verb.ACKNOWLEDGE, Verb.RESOLVE, Verb.SNOOZE, Verb.NOTE, Verb.ESCALATE


ONE, TWO = "INC-20260319-001", "INC-20260319-002"


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("12 ack", Command(ACK, codes=(12,))),
        ("ack 12", Command(ACK, codes=(12,))),
        ("ack #12 on it", Command(ACK, codes=(12,), text="on it")),
        ("ack all", Command(ACK, everything=True)),
        ("12 snooze 2h", Command(SNOOZE, codes=(12,), text="2h")),
        ("snooze 12 2h", Command(SNOOZE, codes=(12,), text="2h")),
        ("resolve INC-20260319-001 rolled back", Command(RESOLVE, references=(ONE,), text="rolled back")),
        ("ack inc-20260319-001", Command(ACK, references=(ONE,))),
        ("INC-0000002A escalate", Command(ESCALATE, references=("inc-0000002a",))),
        ("note 3 looking at the logs", Command(NOTE, codes=(3,), text="looking at the logs")),
        ("note ack is not what I mean", Command(NOTE, text="ack is not what I mean")),
        ("help", Command(other="help")),
        ("?", Command(other="help")),
        ("on-call", Command(other="oncall")),
        ("list", Command(other="list")),
        ("", Command()),
    ],
)
def test_commands(line: str, command: Command) -> None:
    assert parse(line) == command


@pytest.mark.parametrize(
    "line",
    [
        "ack",
        "ACK.",
        "*ack*",
        "_Ack_",
        "ack!",
        "\ufeffack",
        "\u200back\u200b",
        "ack\u00a0",
        "\tack",
        "/ack",
        "/ack@our_bot",
        "`ack`",
        "Acked",
        "ack'd",
        "Acknowledged.",
        "Got it",
        "got it!",
        "On it",
        "on it now",
        "I'm on it",
        "I’m on it.",
        "I am on it",
        "I've got it",
        "Looking into it",
        "working on this",
        "Ok",
        "OK.",
        "okay",
        "👍",
        "👍🏽",
        "✅",
        "Mine",
        "Please ack",
        "Hi, ack",
        "“ack”",
        "Acked this one",
        "I acknowledge.",
        "I'll ack this",
        ":thumbsup:",
        ":+1:",
        "Yes, on it",
        "ok got it",
        "OK, I'll take this",
        "Got it thanks",
        "Thanks, on it",
        "I acked it.",
        "Will look into it",
        "I'll take a look",
        "Investigating",
        "checking now",
        "we are on it",
        "Taking it",
        "roger",
        "Ack'ed",
        "I'm looking",
        "I am checking now",
        "OK, looking",
        "ok thanks",
        "Thanks got it",
        "on it 👍",
        "👍 on it",
        "👍👍",
        "kk",
        "I'll handle this",
        "Handling it",
        "I can take it",
        "That's mine",
        "Let me check",
        "Acked by me",
        "Received, looking",
        "- ack",
        "• ack",
        "#ack",
        "ack\ufe0f",
        "aiops ack",
    ],
)
def test_what_people_write_who_take_it(line: str) -> None:
    assert parse(line) == Command(ACK)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("Got it, looking", "looking"),
        ("On it - two minutes", "two minutes"),
        ("Acked: disk again", "disk again"),
        ("On it. No idea yet", "No idea yet"),
        ("On it, not sure what it is", "not sure what it is"),
        ("Got it, will report when I know more", "will report when I know more"),
    ],
)
def test_what_follows_behind_a_comma_is_the_message(line: str, text: str) -> None:
    assert parse(line) == Command(ACK, text=text)


@pytest.mark.parametrize(
    "line",
    [
        "resolved for me, not for others",
        "Got it working again",
        "Got it?",
        "Got it, but I can't come",
        "ok I will look tomorrow",
        "On it's way down",
        "I am late",
        "not on it",
        "Looking forward to it",
        "Who has this?",
        "Mine is broken",
        "Okay, who takes it",
        "On it, or is somebody else?",
        "acknowledging mails is hard",
        "make it stop",
        "Acked by Bo",
        "ok I'll take a look tomorrow",
        "yes",
        "have a look at the dashboard",
        "I will take it to Bo",
        "Will look into it when I am back",
        "investigating costs money",
        "on this server the disk is full",
        "Got it. Bo is on it",
        "Got it, Bo will take it",
        "Got it, passing it on to Bo",
        "Got it. Please page Bo",
        "Looking into it, ask Bo instead",
        "Got it, wrong person",
        "Please look into it",
        "Look into it",
        "Please take a look",
        "Take it",
        "ok 👎",
        "Resolve failed again",
        "resolve not yet",
        "resolve when Bo is done",
        "Escalate was pressed by mistake",
        "ack when you are back",
        "ack, not mine",
        "ack 1 not mine",
        "resolve 4 tomorrow",
    ],
)
def test_what_only_begins_like_it_is_no_command(line: str) -> None:
    assert parse(line) == Command(text=line)


@pytest.mark.parametrize(
    "line",
    [
        '"ack 1"',
        "“ack 1”",
        "„ack 1“",
        "«ack 1»",
        "'ack 1'",
        "ack1",
        "ack #1",
        "ack#1",
        "1 ack",
        "1ack",
        "ACK 1.",
        "ack\u00a01",
        "ack\t1",
        "ack: 1",
        "ack (1)",
        "[ack 1]",
        'ack "1"',
        "ok 1",
        "1 ok",
        "👍 1",
        "acked 1",
        "Ack  1 !",
        "ａｃｋ １",
        "1: ack",
        "- 1 ack",
        "ack incident 1",
        "ack number 1",
        "ack no. 1",
        "Ack nr. #1",
    ],
)
def test_a_number_is_read_as_it_is_printed_and_typed(line: str) -> None:
    assert parse(line) == Command(ACK, codes=(1,))


@pytest.mark.parametrize(
    ("line", "codes", "text"),
    [
        ("ack 4 5", (4, 5), ""),
        ("ack 4,5", (4, 5), ""),
        ("ack 4, 5", (4, 5), ""),
        ("ack 4 and 5", (4, 5), ""),
        ("ack 4 & 5", (4, 5), ""),
        ("ack 4, 5 and 6 on it", (4, 5, 6), "on it"),
        ("ack #4 #5.", (4, 5), ""),
        ("ack 4-6", (4, 5, 6), ""),
        ("4 5 ack", (4, 5), ""),
        ("4,5 ack on it", (4, 5), "on it"),
        ("ack 4: 2 disks", (4,), "2 disks"),
        ("4 ack 2 of 3 nodes are back", (4,), "2 of 3 nodes are back"),
        ("ack 4–6", (4, 5, 6), ""),
        ("ack 4 - 6", (4, 5, 6), ""),
        ("ack 4 to 6", (4, 5, 6), ""),
        ("ack 4..6", (4, 5, 6), ""),
        ("ack 4 5 on it", (4, 5), "on it"),
    ],
)
def test_several_numbers(line: str, codes: tuple[int, ...], text: str) -> None:
    assert parse(line) == Command(ACK, codes=codes, text=text)


def test_several_names() -> None:
    assert parse(f"ack {ONE}, {TWO} on it") == Command(ACK, references=(ONE, TWO), text="on it")
    assert parse(f"{ONE} and {TWO} resolve") == Command(RESOLVE, references=(ONE, TWO))
    assert parse(f"ack {ONE}, 4") == parse(f"ack 4 {ONE}") == Command(ACK, references=(ONE,), codes=(4,))
    assert parse(f"resolve {ONE} 2 disks") == Command(RESOLVE, references=(ONE,), text="2 disks")


@pytest.mark.parametrize(
    "name", ["INC-20260319-1", "inc_20260319_001", "#INC-20260319-001", "INC–20260319–001", "INC20260319-001"]
)
def test_a_name_is_read_as_people_spell_it(name: str) -> None:
    assert parse(f"ack {name}") == Command(ACK, references=(ONE,))


@pytest.mark.parametrize(
    ("line", "codes", "text"),
    [
        ("snooze 1", (1,), ""),
        ("snooze 1 30m", (1,), "30m"),
        ("SNOOZE 1 2H", (1,), "2H"),
        ("snooze 30m", (), "30m"),
        ("snooze 30 min", (), "30 min"),
        ("snooze for 2 hours", (), "for 2 hours"),
        ("snooze 1 for 30m vendor", (1,), "for 30m vendor"),
        ("snooze 1, 2 30m", (1, 2), "30m"),
        ("12 snooze 45", (12,), "45"),
        ("snooze", (), ""),
    ],
)
def test_snooze_keeps_numbers_of_incidents_and_minutes_apart(line: str, codes: tuple[int, ...], text: str) -> None:
    assert parse(line) == Command(SNOOZE, codes=codes, text=text)


@pytest.mark.parametrize(
    ("line", "unclear"),
    [
        ("snooze 1 30", "30"),
        ("resolve 4 2 disks replaced", "2"),
        ("ack 001", "001"),
        ("ack 1?", "1?"),
        ("ack 20260319", "20260319"),
        ("ack 4 2 disks are full", "2"),
        ("ack 4 or 5", "or 5"),
        ("resolve 4 - 6 disks", "6"),
        ("ack all but 2", "all but 2"),
        ("resolve everything except 4", "all except 4"),
        ("ack INC 20260319 001", "INC 20260319 001"),
        ("ack INC-1", "INC-1"),
        ("ack incident-4", "incident-4"),
        ("ack 12 - 2 disks", "2"),
    ],
)
def test_a_number_that_may_mean_two_things_is_asked_about(line: str, unclear: str) -> None:
    assert parse(line).unclear == unclear


@pytest.mark.parametrize(
    ("line", "about"), [("12", Command(codes=(12,), text="12")), (ONE, Command(references=(ONE,), text=ONE))]
)
def test_a_number_alone_is_no_command_but_says_what_it_names(line: str, about: Command) -> None:
    assert parse(line) == about and not parse(line).understood


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("ack 1\nresolve 2", [Command(ACK, codes=(1,)), Command(RESOLVE, codes=(2,))]),
        ("ack 1, resolve 2 new disk", [Command(ACK, codes=(1,)), Command(RESOLVE, codes=(2,), text="new disk")]),
        ("ack 1 and resolve 2", [Command(ACK, codes=(1,)), Command(RESOLVE, codes=(2,))]),
        ("ack 1 resolve 2", [Command(ACK, codes=(1,)), Command(RESOLVE, codes=(2,))]),
        ("ack 1 / resolve 2", [Command(ACK, codes=(1,)), Command(RESOLVE, codes=(2,))]),
        ("1 ack, 2 resolve", [Command(ACK, codes=(1,)), Command(RESOLVE, codes=(2,))]),
        ("1 ack\n2 resolve", [Command(ACK, codes=(1,)), Command(RESOLVE, codes=(2,))]),
        ("1 ack 2 of 3 are back", [Command(ACK, codes=(1,), text="2 of 3 are back")]),
        ("ack\nAna\nSRE", [Command(ACK, text="Ana\nSRE")]),
        ("resolve\nRolled back\nto v41", [Command(RESOLVE, text="Rolled back\nto v41")]),
        ("snooze\nAna", [Command(SNOOZE)]),
        ("snooze 2h\nvendor", [Command(SNOOZE, text="2h\nvendor")]),
        ("note 3 seen, ack 2 is for Bo", [Command(NOTE, codes=(3,), text="seen, ack 2 is for Bo")]),
        ("the disk\nack 2", [Command(text="the disk\nack 2")]),
    ],
)
def test_a_whole_answer_may_hold_several_commands(text: str, commands: list[Command]) -> None:
    assert list(read(text)) == commands


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
        ("it 2h", timedelta(hours=2), ""),
        ("this for 30m", timedelta(minutes=30), ""),
        ("it", None, ""),
    ],
)
def test_durations(text: str, length: timedelta | None, rest: str) -> None:
    assert duration_and_rest(text) == (length, rest)


@given(st.text(max_size=80))
def test_whatever_is_typed_is_read(line: str) -> None:
    command = parse(line)
    assert command.understood or command.text == line.strip()
    duration_and_rest(line)
    assert read(line)
