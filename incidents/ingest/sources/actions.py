"""Status words of senders: whether a word opens, acknowledges, unacknowledges or resolves. All parsers use it.

The whole word must match: ``upstream_down``, ``backup_failed`` and ``update`` are not "up". An unknown word is a
trigger: people see an incident too many, and miss one too few.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from incidents.choices import SignalAction
from incidents.ingest.sources.reading import WORD, line, plain

TRIGGER = (
    "trigger", "triggered", "retriggered", "fire", "fired", "firing", "alert", "alerting", "alarm", "active", "activated",
    "critical", "error", "warning", "warn", "major", "minor", "open", "opened", "reopen", "reopened", "new", "create", "created",
    "raise", "raised", "problem", "fail", "failed", "failing", "failure", "down", "unhealthy", "degraded", "nodata",
    "unresolved", "rewarn", "renodata",
)  # fmt: skip
ACKNOWLEDGE = ("acknowledge", "acknowledged", "ack", "acked")
UNACKNOWLEDGE = ("unacknowledge", "unacknowledged", "unack", "unacked")
RESOLVE = (
    "resolve", "resolved", "autoresolved", "ok", "okay", "normal", "close", "closed", "fix", "fixed", "recover", "recovered",
    "recovery", "up", "clear", "cleared", "healthy", "inactive", "end", "ended", "success", "succeeded", "passed", "solved",
    "restored", "operational",
)  # fmt: skip

WORDS: dict[str, SignalAction] = {
    **dict.fromkeys(TRIGGER, SignalAction.TRIGGER),
    **dict.fromkeys(ACKNOWLEDGE, SignalAction.ACKNOWLEDGE),
    **dict.fromkeys(UNACKNOWLEDGE, SignalAction.UNACKNOWLEDGE),
    **dict.fromkeys(RESOLVE, SignalAction.RESOLVE),
}

# The few that people write in two parts ("No Data", "re-triggered"). Joining any word would find "up" in places where it is not.
_COMPOUNDS = ("nodata", "retriggered", "autoresolved", "rewarn", "renodata", "unacknowledged")
_SEPARATORS = str.maketrans("", "", " -_")


class Reading(NamedTuple):
    """An action; *warning* is empty unless the sender's word was unknown."""

    action: SignalAction
    warning: str = ""


ABSENT = Reading(SignalAction.TRIGGER)
_KNOWN = {word: Reading(action) for word, action in WORDS.items()}
_COMPOUND = {word: _KNOWN[word] for word in _COMPOUNDS}


def known(word: object) -> Reading | None:
    """What *word* says, in any case and with blanks around it; None for a word that the table lacks."""
    if not isinstance(word, str) or len(word) > WORD:
        return None
    if (reading := _KNOWN.get(word)) is not None:
        return reading
    lower = line(word, WORD).lower()
    return _KNOWN.get(lower) or _COMPOUND.get(lower.translate(_SEPARATORS))


def read(words: Iterable[object]) -> Reading:
    """What the first known word says; a trigger when none is given, and, with a warning, when none is known."""
    unknown: object = None
    for word in words:
        if word is None or word == "":
            continue
        reading = known(word)
        if reading is not None:
            return reading
        if unknown is None:
            unknown = word
    shown = "" if unknown is None else line(plain(unknown), WORD)
    return Reading(SignalAction.TRIGGER, f"status “{shown}” is not known, read as a trigger") if shown else ABSENT
