"""Severity words of senders, mapped to our five severities."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from incidents.choices import Severity
from incidents.ingest.sources.reading import WORD, line, plain

WORDS: dict[str, Severity] = {
    # our own
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "low": Severity.LOW,
    "info": Severity.INFO,
    # monitoring systems
    "error": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "page": Severity.CRITICAL,
    "crit": Severity.CRITICAL,
    "disaster": Severity.CRITICAL,
    "fatal": Severity.CRITICAL,
    "severe": Severity.CRITICAL,
    "urgent": Severity.CRITICAL,
    "blocker": Severity.CRITICAL,
    "outage": Severity.CRITICAL,
    "down": Severity.CRITICAL,
    "major": Severity.HIGH,
    "err": Severity.HIGH,
    "average": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "warn": Severity.MEDIUM,
    "normal": Severity.MEDIUM,
    "minor": Severity.MEDIUM,  # X.733 ranks it above a warning
    "ticket": Severity.LOW,
    "trivial": Severity.LOW,
    # syslog
    "emergency": Severity.CRITICAL,
    "emerg": Severity.CRITICAL,
    "panic": Severity.CRITICAL,
    "alert": Severity.CRITICAL,
    "notice": Severity.INFO,
    "informational": Severity.INFO,
    "information": Severity.INFO,
    "debug": Severity.INFO,
    "trace": Severity.INFO,
    "ok": Severity.INFO,
    "none": Severity.INFO,  # the Watchdog of kube-prometheus
    # incident management
    "p0": Severity.CRITICAL,
    "p1": Severity.CRITICAL,
    "p2": Severity.HIGH,
    "p3": Severity.MEDIUM,
    "p4": Severity.LOW,
    "p5": Severity.INFO,
    "sev0": Severity.CRITICAL,
    "sev1": Severity.CRITICAL,
    "sev2": Severity.HIGH,
    "sev3": Severity.MEDIUM,
    "sev4": Severity.LOW,
    "sev5": Severity.INFO,
}

_SEPARATORS = str.maketrans("", "", " -_")


class Reading(NamedTuple):
    """A severity; *word* and *warning* are empty unless the sender's word was unknown and had to be coerced."""

    severity: Severity
    word: str = ""
    warning: str = ""


ABSENT = Reading(Severity.MEDIUM)
_KNOWN = {word: Reading(severity) for word, severity in WORDS.items()}


def known(word: object) -> Severity | None:
    """The severity of a word that the table has ("SEV-1" and "sev1" are the same), else None."""
    reading = _known(word)
    return None if reading is None else reading.severity


def read(words: Iterable[object]) -> Reading:
    """The severity of the first word that is known; else the first one given is coerced to medium; none at all is medium."""
    unknown: object = None
    for word in words:
        if word is None or word == "":
            continue
        if (reading := _known(word)) is not None:
            return reading
        if unknown is None:
            unknown = word
    shown = "" if unknown is None else line(plain(unknown), WORD)
    if not shown:
        return ABSENT
    return Reading(Severity.MEDIUM, shown, f"severity “{shown}” coerced to medium")


def _known(word: object) -> Reading | None:
    if not isinstance(word, str):
        return None
    reading = _KNOWN.get(word)
    if reading is None and len(word) <= WORD:
        lower = word.strip().lower()
        reading = _KNOWN.get(lower) or _KNOWN.get(lower.translate(_SEPARATORS))
    return reading
