"""The grammar of text commands: "ack 1", "snooze 12 2h", "got it, looking", "resolve INC-20260319-001 rolled back".
Pure.

Text messages, mail, chat and slash commands share it: a verb and the incidents it is about, in either order, then free
text. Quotes, emphasis, odd blanks and invisible characters are ignored, since phones and mail programs add them.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache

from aiops.kernel.text import seen
from incidents.ids import REFERENCE_PATTERN
from notifications.delivery.verbs import Verb, typed
from notifications.replies import phrases

OTHERS = ("list", "oncall", "help")
ALIASES = {"?": "help", "on-call": "oncall", "incidents": "list"}
ALL = ("all", "everything", "both")
JOINTS = ("and", "und", "&", "+", ",")
SPANS = ("to", "through", "thru", "till", "bis")  # between two numbers
BEFORE_NUMBERS = ("incident", "incidents", "number", "numbers", "no", "nr", "num", "№")

LONGEST = 20_000  # characters of one answer
MOST_COMMANDS = 20  # in one answer
MOST_NUMBERS = 50  # in one command

UNIT = {"m": 60, "min": 60, "mins": 60, "minute": 60, "minutes": 60, "h": 3600, "hour": 3600, "hours": 3600} | {
    "hr": 3600, "hrs": 3600, "d": 86_400, "day": 86_400, "days": 86_400,
}  # fmt: skip
_THIS_FOR = re.compile(r"(?:(?:it|this|that)(?:\s+|$))?(?:for\s+)?", re.IGNORECASE)  # "snooze it for 2h"
_UNITS = "|".join(sorted(UNIT, key=len, reverse=True))
_WITH_UNIT = re.compile(rf"\d{{1,5}}\s?(?:{_UNITS})(?![a-z])", re.IGNORECASE | re.ASCII)
_DURATION = re.compile(rf"(?:\d{{1,5}}\s?(?:{_UNITS})(?![a-z])\s*)+|\d{{1,5}}(?=\s|$)", re.IGNORECASE | re.ASCII)
_PART = re.compile(rf"(\d{{1,5}})\s?({_UNITS})?", re.IGNORECASE | re.ASCII)
_DASHES = re.compile(r"[‐‑‒–—−]|\.{2,3}|…")  # that phones make of "-"
_RANGE = re.compile(r"#?([1-9]\d{0,3})(?:-#?([1-9]\d{0,3}))?", re.ASCII)
_FIGURES = re.compile(r"#?\d{1,9}\??", re.ASCII)
_REFERENCE = re.compile(REFERENCE_PATTERN, re.IGNORECASE)
_LIKE_A_NAME = re.compile(r"inc[-_]?(\d{8})[-_](\d{1,9})", re.ASCII)
_LIKE_A_REFERENCE = re.compile(r"inc$|inc(?:ident)?[-_#\d]")
_BULLET = re.compile(r"^(?:[-*•–—·▪►‣●]\s+)+")
_POINTS = ".,;:!-–—…"
# What phones, mail programs and people put around a word.
_AROUND = _POINTS + "\"'`´*_~=|()[]{}<>«»‹›“”„‟‘’‚「」『』\u200c\u200d\u200e\u200f\u061c\ufe0e\ufe0f"


@dataclass(frozen=True, slots=True)
class _Grammar:
    """The patterns that the words of the verbs are in."""

    glued: re.Pattern[str]  # "ack12", "12ack"
    below: re.Pattern[str]  # a line that is a command itself
    behind: re.Pattern[str]  # "ack 1, resolve 2"
    behind_verb: re.Pattern[
        str
    ]  # "ack 1 resolve 2"; but in "1 ack 2 of 3 are back" the first number belongs to the verb


@cache
def _grammar(words: tuple[str, ...]) -> _Grammar:
    verbs = "|".join(sorted(words, key=len, reverse=True))
    # Where another command begins that says what it is about, in either order.
    following = rf"(?=(?:{verbs}) {{0,3}}(?:#?\d|all\b|inc[-_]))"
    number_first = rf"(?=(?:#?\d{{1,4}}|inc[-_][\w-]{{1,30}}) {{0,3}}(?:{verbs})\b)"
    joined = rf"(?: {{0,3}}[;,\n]\s{{0,3}}|\s{{1,3}}(?:and|then|und|&)\s{{1,3}})(?:{following}|{number_first})"
    glued = rf"(?P<verb>{verbs})[#:=-]?(?=\d)|(?P<code>#?\d{{1,4}})(?=(?:{verbs})\b)"
    behind_verb = rf"{joined}|(?<=\d)(?: {{1,3}}| {{0,3}}[./|–—-] {{1,3}}){following}"
    return _Grammar(
        glued=re.compile(glued, re.IGNORECASE),
        below=re.compile(rf"\n\s{{0,3}}(?:{following}|{number_first})", re.IGNORECASE),
        behind=re.compile(joined, re.IGNORECASE),
        behind_verb=re.compile(behind_verb, re.IGNORECASE),
    )


@dataclass(frozen=True, slots=True)
class Command:
    """What was typed. Exactly one of *verb* and *other* is set, neither when it is no command at all.

    What it is about: *references* are ids or names of incidents, *codes* reply codes, *everything* stands for "all"; none of
    them: whatever was last. *text* is what follows. *unclear* is a number of which nobody knows what it means.
    """

    verb: str | None = None
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
    grammar = _grammar(tuple(typed()))
    behind = grammar.behind if _bare(_first(text)[0]).lstrip("#")[:1].isdigit() else grammar.behind_verb
    pieces = (grammar.below if first.verb == Verb.NOTE else behind).split(text, MOST_COMMANDS - 1)
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
    text = _THIS_FOR.sub("", text.strip(), count=1)
    found = _DURATION.match(text)
    if not found:
        return None, text
    seconds = sum(int(count) * UNIT[(unit or "m").lower()] for count, unit in _PART.findall(found[0]))
    return timedelta(seconds=seconds), text[found.end() :].strip(" ,;:")


class _Reader:
    """Takes a line apart, a word at a time."""

    def __init__(self, line: str) -> None:
        self.line = line.strip()
        self.rest = _BULLET.sub("", " ".join(seen(line).split()))
        self.verb: str | None = None
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
            named = not self.rest and self.verb is None and not self.unclear
            return Command(
                references=tuple(self.references) if named else (),
                codes=tuple(self.codes) if named else (),
                text=self.line,
            )
        self._asks_what_is_loose()
        return Command(
            self.verb, "", tuple(self.references), tuple(self.codes), self.everything, self.rest, self.unclear
        )

    def _asks_what_is_loose(self) -> None:
        """A number before more words may be one of them ("resolve 4 2 disks"), and "all" may be all but one."""
        if self.everything and phrases.excepts(self.rest):
            self.unclear = f"all {self.rest}"
        elif self.loose and self.rest and not self.pointed and self.verb not in (Verb.NOTE, Verb.SNOOZE):
            clear = phrases.takes(self.rest) or phrases.THANKS.fullmatch(self.rest) is not None
            self.unclear = self.unclear or ("" if clear else self.loose)

    def _passes_over_niceties(self) -> None:
        """ "Hi Bo, please …", and "Yes, …" where somebody then says that they take it."""
        if found := phrases.POLITE.match(self.rest):
            self.rest = self.rest[found.end() :]
        if (found := phrases.YES.match(self.rest)) and phrases.takes(self.rest[found.end() :]):
            self.rest = self.rest[found.end() :]

    @property
    def _named(self) -> bool:
        return bool(self.references or self.codes or self.everything)

    def _takes_verb(self) -> bool:
        """Whether the rest begins with a verb, or with words that mean one."""
        start = self.rest.lstrip(_AROUND + "/# ")
        if glued := _grammar(tuple(typed())).glued.match(start):
            self.rest = f"{glued[0].rstrip('#:=-')} {start[glued.end() :]}"
        word, after = _first(self.rest)
        bare = _bare(word).lstrip("#")
        plain = phrases.TINTS.sub("", start)
        if bare in typed():
            self.verb, self.rest, self.pointed = typed()[bare], after, word[-1:] in _POINTS
        elif found := phrases.ON_IT.match(start):
            self.verb, self.soft = Verb.ACKNOWLEDGE, "phrase"
            self._points(start[found.end() :])
        elif short := next((v for v, pattern in phrases.SHORT.items() if pattern.match(plain)), None):
            found = phrases.SHORT[short].match(plain)
            self.verb, self.soft = short, "short"
            self._points(plain[found.end() if found else 0 :])
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
            if not bare and self.codes and self._takes_span(after):
                return True
            self.pointed, self.rest = word.lower() in JOINTS, after
            return True
        if joint and not bare and self.verb is not None:
            self._points(self.rest)
            return bool(self.rest) and not self._named and self._is_target(self.rest)
        if self.codes and bare in SPANS and self._takes_span(after):
            return True
        if self._named and bare in ("or", "oder") and self._is_target(_first(after)[0]):
            self.unclear = self.rest[:40]
            return False
        if self.verb not in (None, Verb.NOTE) and not self._named and bare in BEFORE_NUMBERS and self._is_target(after):
            self.rest = after
            return True
        if bare in ALL and not self._named:
            self.everything, self.rest = True, after
        elif (names := _names(bare)) and self._is_also_meant():
            if self.codes and not self.pointed:
                self.loose = bare
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
        elif self.verb not in (None, Verb.NOTE) and not self._named and _LIKE_A_REFERENCE.match(bare.lstrip("#")):
            self.unclear = self.rest[:40]  # whatever was last is not what somebody means who writes a name
            return False
        else:
            return False
        last = word.rstrip("\"'`*_”’»)")[-1:] or " "
        self.pointed, self.ended = last in _POINTS, last in ":.!-–—…"
        return True

    def _takes_span(self, after: str) -> bool:
        """Whether "4 to 6" or "4 - 6" stands here, and nothing of which it might be a part."""
        word, rest = _first(after)
        found = _numbers(f"{self.codes[-1]}-{_bare(word)}")
        if found:
            self.codes = [*self.codes[:-1], *found][:MOST_NUMBERS]
            self.loose, self.pointed, self.rest = _bare(word), word[-1:] in _POINTS, rest
        return bool(found)

    def _is_also_meant(self) -> bool:
        """Whether a name that stands here is one of those meant. In "note 3 INC-… is the cause" it is text."""
        return not self.everything and not (self.codes and self.verb == Verb.NOTE)

    def _is_number(self, bare: str, after: str) -> bool:
        """Whether a number names an incident here. In "snooze 30m" it is how long; in "note 3 5 hosts" the second is text."""
        if self.everything or not (_FIGURES.fullmatch(bare) or _numbers(bare)):
            return False
        if self.references and (not self.pointed or self.verb == Verb.NOTE):
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
            said = self.verb in (Verb.NOTE, Verb.SNOOZE) or self.named_first
            return not said and phrases.is_statement(self.rest, named=self._named, pointed=self.pointed)
        if self.line.rstrip(" \"'*_").endswith("?"):
            return True
        if phrases.THANKS.fullmatch(self.rest):
            self.rest = ""
        if not self.rest:
            return False
        return not self._named and (self.soft == "short" or not self.pointed or phrases.takes_back(self.rest))


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
    for part in re.split(r"[,+&;/]", _DASHES.sub("-", bare))[:MOST_NUMBERS]:
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
    parts = [
        _as_name(part.strip(_AROUND + "#")) for part in re.split(r"[,+&;/]", _DASHES.sub("-", bare))[:MOST_NUMBERS]
    ]
    return [_canonical(part) for part in parts] if all(_REFERENCE.fullmatch(part) for part in parts) else []


def _as_name(part: str) -> str:
    """A name as we write it: "inc_20260319_1" too."""
    found = _LIKE_A_NAME.fullmatch(part)
    return f"inc-{found[1]}-{int(found[2]):03d}" if found else part


def _canonical(reference: str) -> str:
    return (
        reference.upper() if reference.upper().startswith("INC-") and reference.count("-") == 2 else reference.lower()
    )
