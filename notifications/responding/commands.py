"""What people type: "12 ack", "ack all", "snooze 12 2h", "resolve INC-20260319-001 rolled back". Pure.

One grammar for text messages, e-mail, chat and slash commands: a verb and what it is about, in either order, then free text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from aiops.kernel.ids import REFERENCE_PATTERN
from notifications.responding.verbs import Verb

# Imperatives only: "resolved for me, not for others" in an e-mail is a note and no command.
WORDS: dict[str, Verb] = {
    "ack": Verb.ACKNOWLEDGE,
    "acknowledge": Verb.ACKNOWLEDGE,
    "acknowledged": Verb.ACKNOWLEDGE,
    "resolve": Verb.RESOLVE,
    "escalate": Verb.ESCALATE,
    "esc": Verb.ESCALATE,
    "snooze": Verb.SNOOZE,
    "note": Verb.NOTE,
}
OTHERS = ("list", "oncall", "help")
ALIASES = {"?": "help", "on-call": "oncall", "incidents": "list"}

UNIT = {"m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60, "h": 3600, "hour": 3600, "hours": 3600} | {
    "hr": 3600, "hrs": 3600, "d": 86_400, "day": 86_400, "days": 86_400,
}  # fmt: skip
_UNITS = "|".join(sorted(UNIT, key=len, reverse=True))
_DURATION = re.compile(rf"(?:\d{{1,5}}\s?(?:{_UNITS})(?![a-z])\s*)+|\d{{1,5}}(?=\s|$)", re.IGNORECASE | re.ASCII)
_PART = re.compile(rf"(\d{{1,5}})\s?({_UNITS})?", re.IGNORECASE | re.ASCII)
_CODE = re.compile(r"#?(\d{1,4})", re.ASCII)
_REFERENCE = re.compile(REFERENCE_PATTERN, re.IGNORECASE)
_PUNCTUATION = ".,;:!"


@dataclass(frozen=True, slots=True)
class Command:
    """What was typed. Exactly one of *verb* and *other* is set, neither when it is no command at all.

    *reference* is an incident's id or name, *code* a reply code, *everything* stands for "all"; none of them: whatever was last.
    *text* is what follows.
    """

    verb: Verb | None = None
    other: str = ""
    reference: str = ""
    code: int | None = None
    everything: bool = False
    text: str = ""

    @property
    def understood(self) -> bool:
        """Whether it is a command."""
        return self.verb is not None or bool(self.other)


def parse(line: str) -> Command:
    """The command in *line*; one that is not :attr:`Command.understood` when it begins with no verb."""
    rest = line.strip()
    reference, code, everything = "", None, False
    verb: Verb | None = None
    for _ in range(3):  # "12 ack", "ack 12", "ack all", never more than one of each
        word, after = _first(rest)
        bare = word.strip(_PUNCTUATION).lower()
        if verb is None and not reference and code is None and (other := ALIASES.get(bare, bare)) in OTHERS:
            return Command(other=other, text=after)
        if verb is None and bare in WORDS:
            verb, rest = WORDS[bare], after
        elif bare == "all" and not everything and not reference and code is None:
            everything, rest = True, after
        elif not reference and code is None and not everything and _REFERENCE.fullmatch(bare):
            reference, rest = _canonical(bare), after
        elif not reference and code is None and not everything and _is_code(bare, verb, after):
            code, rest = int(bare.lstrip("#")), after
        else:
            break
    return Command(verb, "", reference, code, everything, rest) if verb else Command(text=line.strip())


def duration_and_rest(text: str) -> tuple[timedelta | None, str]:
    """The duration that *text* begins with (``30m``, ``2 hours``, ``1h30m``, ``45``: minutes) and what follows it.

    No duration there: None and *text*.
    """
    text = text.strip().removeprefix("for ").lstrip()
    found = _DURATION.match(text)
    if not found:
        return None, text
    seconds = sum(int(count) * UNIT[(unit or "m").lower()] for count, unit in _PART.findall(found[0]))
    return timedelta(seconds=seconds), text[found.end() :].strip(" ,;:")


def _first(text: str) -> tuple[str, str]:
    word, _, rest = text.partition(" ")
    return word, rest.strip()


def _is_code(bare: str, verb: Verb | None, after: str) -> bool:
    """A number is a reply code, but in "snooze 30" it is the duration: there a code needs a duration behind it."""
    if not _CODE.fullmatch(bare):
        return False
    return verb != Verb.SNOOZE or duration_and_rest(after)[0] is not None


def _canonical(reference: str) -> str:
    return (
        reference.upper() if reference.upper().startswith("INC-") and reference.count("-") == 2 else reference.lower()
    )
