"""What people type: "ack 1", "ack 4, 5 and 6", "snooze 12 2h", "got it, looking", "resolve INC-20260319-001 rolled back". Pure.

One grammar for text messages, mail, chat and slash commands: a verb and what it is about, in either order, then free text.
Quotes, emphasis, odd blanks and what nobody can see are no part of it, since phones and mail programs add them by themselves.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import timedelta

from aiops.kernel.ids import REFERENCE_PATTERN
from aiops.kernel.text import seen
from notifications.responding.verbs import Verb

# Imperatives only: "resolved for me, not for others" is a note and no command.
WORDS: dict[str, Verb] = {
    "ack": Verb.ACKNOWLEDGE,
    "acknowledge": Verb.ACKNOWLEDGE,
    "resolve": Verb.RESOLVE,
    "escalate": Verb.ESCALATE,
    "esc": Verb.ESCALATE,
    "snooze": Verb.SNOOZE,
    "note": Verb.NOTE,
}
OTHERS = ("list", "oncall", "help")
ALIASES = {"?": "help", "on-call": "oncall", "incidents": "list"}
ALL = ("all", "everything")
JOINTS = ("and", "und", "&", "+", ",")

LONGEST = 20_000  # characters of one answer
MOST_COMMANDS = 20  # in one answer
MOST_NUMBERS = 50  # in one command

UNIT = {"m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60, "h": 3600, "hour": 3600, "hours": 3600} | {
    "hr": 3600, "hrs": 3600, "d": 86_400, "day": 86_400, "days": 86_400,
}  # fmt: skip
_UNITS = "|".join(sorted(UNIT, key=len, reverse=True))
_WITH_UNIT = re.compile(rf"\d{{1,5}}\s?(?:{_UNITS})(?![a-z])", re.IGNORECASE | re.ASCII)
_DURATION = re.compile(rf"(?:\d{{1,5}}\s?(?:{_UNITS})(?![a-z])\s*)+|\d{{1,5}}(?=\s|$)", re.IGNORECASE | re.ASCII)
_PART = re.compile(rf"(\d{{1,5}})\s?({_UNITS})?", re.IGNORECASE | re.ASCII)
_RANGE = re.compile(r"#?([1-9]\d{0,3})(?:-#?([1-9]\d{0,3}))?", re.ASCII)
_FIGURES = re.compile(r"#?\d{1,9}\??", re.ASCII)
_REFERENCE = re.compile(REFERENCE_PATTERN, re.IGNORECASE)
_POINTS = ".,;:!-–—…"
# What phones, mail programs and people put around a word.
_AROUND = _POINTS + "\"'`´*_~=|()[]{}<>«»‹›“”„‟‘’‚「」『』\u200c\u200d\u200e\u200f\u061c"
_TINTS = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")  # how an emoji is drawn
_VERBS = "|".join(sorted(WORDS, key=len, reverse=True))
_GLUED = re.compile(rf"(?P<verb>{_VERBS})[#:=-]?(?=\d)|(?P<code>#?\d{{1,4}})(?=(?:{_VERBS})\b)", re.IGNORECASE)
_POLITE = re.compile(
    r"(?:(?:hi|hello|hey|hallo|bonjour|hola|ciao|hej|thanks|thank you|thx)(?:\s\w{1,30}){0,3}\s?[,.!:]\s*"
    r"|(?:please|pls|bitte|just)[,:]?\s+)",
    re.IGNORECASE,
)
_YES = re.compile(r"(?:ok|okay|yes|yep|yeah|sure|alright|all right|right)\s?[,.!-]?\s+(?=[a-z])", re.IGNORECASE)
_THIS = r"(?:it|this one|that one|this|that|the page|the alert)"
# What people write who take it. Alone, or with what follows behind a comma or a full stop: "Got it, looking".
_ON_IT = re.compile(
    r"(?:(?:i(?:['’]?m| am|['’]ve| have|['’]ll| will)|we(?:['’]re| are|['’]ve| have|['’]ll| will)|i|we|will)\s)?"
    rf"(?:(?:ack(?:ed|['’]d|ing)?|acknowledg(?:e|ed|ing))(?: {_THIS})?|(?:got|have|on|take|taking|working on) {_THIS}"
    rf"|(?:look|looking) (?:in ?to|at) {_THIS}|(?:take|taking|have|having) a look(?: at {_THIS})?|investigating(?: {_THIS})?)"
    r"(?: (?:now|thanks|thank you|thx|cheers|all|team|folks|everyone|already))?(?![\w'’])",
    re.IGNORECASE,
)
# The same, but only as all that was written: each of these begins sentences that mean something else.
_SHORT = {
    Verb.ACKNOWLEDGE: re.compile(
        r"(?:ok(?:ay)?|oki|k|(?:(?:it['’]?s|this is|this one is) )?mine|(?:looking|checking)(?: now)?"
        r"|(?:roger|copy)(?: that)?|aye|thumbsup|ok_hand|\+1|👍|👌|🆗|✅|✔|🫡)(?![\w'’])",
        re.IGNORECASE,
    ),
    Verb.RESOLVE: re.compile(r"(?:it['’]?s |this is |is )?(?:resolved|fixed)(?: it| now)?(?![\w'’])", re.IGNORECASE),
}
# "Got it, but I can't come": nobody shall be believed to have what they have not.
_NOT = re.compile(
    r"\b(?:not|no|but|cannot|cant|unable|someone|somebody|later|tomorrow|until|when|if)\b|n['’]t\b|\?", re.IGNORECASE
)
_NEXT = rf"(?=(?:{_VERBS})\s{{0,3}}(?:#?\d|all\b|inc[-_]))"  # another command begins, that says what it is about
_BELOW = re.compile(rf"\n\s{{0,3}}{_NEXT}", re.IGNORECASE)
_BEHIND = re.compile(rf"(?: {{0,3}}[;,\n]\s{{0,3}}|\s{{1,3}}(?:and|then|&)\s{{1,3}}){_NEXT}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Command:
    """What was typed. Exactly one of *verb* and *other* is set, neither when it is no command at all.

    What it is about: *references* are ids or names of incidents, *codes* reply codes, *everything* stands for "all"; none of
    them: whatever was last. *text* is what follows. *unclear* is a number of which nobody knows what it means.
    """

    verb: Verb | None = None
    other: str = ""
    references: tuple[str, ...] = ()
    codes: tuple[int, ...] = ()
    everything: bool = False
    text: str = ""
    unclear: str = ""

    @property
    def understood(self) -> bool:
        """Whether it is a command."""
        return self.verb is not None or bool(self.other)

    @property
    def named(self) -> bool:
        """Whether it says what it is about."""
        return bool(self.references or self.codes or self.everything)


def read(text: str) -> tuple[Command, ...]:
    """The commands of a whole answer, in order; at least one. Lines below a command are its text, unless one is a command with
    a number or a name itself ("ack 1, resolve 2")."""
    text = "\n".join(text[:LONGEST].strip().splitlines())
    first = parse(text.partition("\n")[0])
    if first.verb is None:
        return (first if first.understood or first.named else Command(text=text),)
    pieces = (_BELOW if first.verb == Verb.NOTE else _BEHIND).split(text, MOST_COMMANDS - 1)
    return tuple(_with_lines(piece.strip()) for piece in pieces)


def parse(line: str) -> Command:
    """The command in *line*; one that is not :attr:`Command.understood` when it begins with no verb.

    A line of nothing but numbers or names is no command, and says what it names.
    """
    return _Reader(line).command()


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


class _Reader:
    """Takes a line apart, a word at a time."""

    def __init__(self, line: str) -> None:
        self.line = line.strip()
        self.rest = " ".join(seen(line).split())
        self.verb: Verb | None = None
        self.references: list[str] = []
        self.codes: list[int] = []
        self.everything = False
        self.unclear = ""
        self.soft: str = ""  # how the verb was said, when not as an imperative: "phrase" or "short"
        self.pointed = False  # a comma, colon or the like stands before the rest
        self.named_first = False  # "12 snooze …"
        self.ended = False  # "4: 2 disks": what is behind the colon is text
        self.loose = ""  # a number that only a blank joins to the one before

    def command(self) -> Command:
        self._passes_over_niceties()
        while self.rest and not self.unclear:
            if self.verb is None and self._takes_verb():
                continue
            word, after = _first(self.rest)
            bare = _bare(word)
            if self.verb is None and not self._named and (other := ALIASES.get(bare, bare)) in OTHERS:
                return Command(other=other, text=after)
            if not self._takes_target(word, bare, after):
                break
        if self.verb is None or self._is_none():
            named = not self.rest and self.verb is None
            return Command(
                references=tuple(self.references) if named else (),
                codes=tuple(self.codes) if named else (),
                text=self.line,
            )
        if self.loose and self.rest and not self.pointed and self.verb in (Verb.RESOLVE, Verb.ESCALATE):
            self.unclear = self.loose
        return Command(
            self.verb, "", tuple(self.references), tuple(self.codes), self.everything, self.rest, self.unclear
        )

    def _passes_over_niceties(self) -> None:
        """ "Hi Bo, please …", and "Yes, …" where somebody then says that they take it."""
        if found := _POLITE.match(self.rest):
            self.rest = self.rest[found.end() :]
        if (found := _YES.match(self.rest)) and _ON_IT.match(self.rest, found.end()):
            self.rest = self.rest[found.end() :]

    @property
    def _named(self) -> bool:
        return bool(self.references or self.codes or self.everything)

    def _takes_verb(self) -> bool:
        """Whether the rest begins with a verb, or with words that mean one."""
        start = self.rest.lstrip(_AROUND + "/")
        word, after = _first(self.rest)
        bare = _bare(word)
        if glued := _GLUED.match(start):
            self.rest = f"{glued[0].rstrip('#:=-')} {start[glued.end() :]}"
            word, after = _first(self.rest)
            bare = _bare(word)
        if bare in WORDS:
            self.verb, self.rest = WORDS[bare], after
        elif found := _ON_IT.match(start):
            self.verb, self.soft = Verb.ACKNOWLEDGE, "phrase"
            self._points(start[found.end() :])
        elif short := next((v for v, pattern in _SHORT.items() if pattern.match(_TINTS.sub("", start))), None):
            found = _SHORT[short].match(_TINTS.sub("", start))
            self.verb, self.soft = short, "short"
            self._points(_TINTS.sub("", start)[found.end() if found else 0 :])
        else:
            return False
        self.named_first = self._named
        return True

    def _takes_target(self, word: str, bare: str, after: str) -> bool:
        """Whether *word* says what it is about (or joins what does)."""
        if self.ended or (self.named_first and self.verb is not None):
            return False
        joint = word.lower() in JOINTS or not bare
        if joint and self._named and self._is_target(after):
            self.pointed, self.rest = True, after
            return True
        if joint and not bare and self.verb is not None:
            self._points(self.rest)
            return bool(self.rest) and not self._named and self._is_target(self.rest)
        if bare in ALL and not self._named:
            self.everything, self.rest = True, after
        elif (names := _names(bare)) and not self.codes and not self.everything:
            self.references += names
            self.rest = after
        elif self._is_number(bare, after):
            numbers = _numbers(bare)
            if not numbers:
                self.unclear = bare
                return False
            if self.codes and not self.pointed:
                self.loose = bare
            self.codes = [*self.codes, *numbers][:MOST_NUMBERS]
            self.rest = after
        else:
            return False
        last = word.rstrip("\"'`*_”’»)")[-1:] or " "
        self.pointed, self.ended = last in _POINTS, last in ":.!-–—…"
        return True

    def _is_number(self, bare: str, after: str) -> bool:
        """Whether a number names an incident here. In "snooze 30m" it is how long; in "note 3 5 hosts" the second is text."""
        if self.references or self.everything or not (_FIGURES.fullmatch(bare) or _numbers(bare)):
            return False
        if self.verb == Verb.NOTE:
            return not self.codes or self.pointed
        if self.verb != Verb.SNOOZE:
            return True
        if _WITH_UNIT.match(self.rest.lstrip(_AROUND)):
            return False
        if self.codes and not self.pointed:
            self.unclear = bare
        return True

    def _is_target(self, text: str) -> bool:
        bare = _bare(_first(text)[0])
        return bool(_names(bare)) or (bool(_numbers(bare)) and not _WITH_UNIT.match(text))

    def _points(self, text: str) -> None:
        """Go on at *text*, without the signs that it begins with."""
        self.pointed = text.lstrip(" \"'`*_”’»)")[:1] in tuple(_POINTS)
        self.rest = text.lstrip(_AROUND + " ")

    def _is_none(self) -> bool:
        """Whether words that mean a verb elsewhere are only the beginning of a sentence here."""
        if not self.soft:
            return False
        if self.line.rstrip(" \"'*_").endswith("?"):
            return True
        if not self.rest:
            return False
        return not self._named and (self.soft == "short" or not self.pointed or _NOT.search(self.rest) is not None)


def _with_lines(piece: str) -> Command:
    line, _, below = piece.partition("\n")
    command = parse(line)
    if not below.strip() or (command.verb == Verb.SNOOZE and duration_and_rest(command.text)[0] is None):
        return command  # under "snooze" stands no duration
    return replace(command, text=f"{command.text}\n{below}".strip())


def _first(text: str) -> tuple[str, str]:
    word, _, rest = text.partition(" ")
    return word, rest.strip()


def _bare(word: str) -> str:
    bare = unicodedata.normalize("NFKC", word[:200]).strip(_AROUND).lower()
    return bare[1:].partition("@")[0] if bare[:1] == "/" else bare


def _numbers(bare: str) -> list[int]:
    """The reply codes of "4", "#4", "4,5", "4-6"; [] when it is something else. Nobody's code begins with a zero."""
    numbers: list[int] = []
    for part in re.split(r"[,+&;/]", bare)[:MOST_NUMBERS]:
        found = _RANGE.fullmatch(part.strip(_AROUND))
        if found is None:
            return []
        first, last = int(found[1]), int(found[2] or found[1])
        if not first <= last < first + MOST_NUMBERS:
            return []
        numbers += range(first, last + 1)
    return numbers


def _names(bare: str) -> list[str]:
    """The ids and names of "INC-20260319-001,INC-20260319-002"; [] when it is something else."""
    parts = [part.strip(_AROUND) for part in re.split(r"[,+&;/]", bare)[:MOST_NUMBERS]]
    return [_canonical(part) for part in parts] if all(_REFERENCE.fullmatch(part) for part in parts) else []


def _canonical(reference: str) -> str:
    return (
        reference.upper() if reference.upper().startswith("INC-") and reference.count("-") == 2 else reference.lower()
    )
