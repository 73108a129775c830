"""Reply verbs: the actions that a reply to a page may ask for; any app may register more. Pure.

The app that owns a verb's effect registers it in ``AppConfig.ready()``, with what buttons, signed links, typed commands and calls
say of it. From then on messages offer it, and every way of answering understands it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from incidents.choices import LIVE, Status

if TYPE_CHECKING:
    from incidents.core.models import Incident


class Verb(StrEnum):
    """The verbs of paging itself. Each is one verb of ``incidents.response.services.incidents``."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    ESCALATE = "escalate"
    SNOOZE = "snooze"
    NOTE = "note"


On = dict[str, Any]  # actor, incident_id, now: what every service takes

# What is typed and is no verb, or a part of how incidents are named.
RESERVED = frozenset(
    ("list", "incidents", "oncall", "help", "all", "everything", "both", "and", "und", "or", "oder", "but", "to", "through",
     "till", "incident", "number", "numbers", "no", "nr", "num", "inc", "ok", "okay", "yes", "mine")
)  # fmt: skip
_WORD = re.compile(r"[a-z]{2,20}")
_LETTER = re.compile(r"[a-z]{1,3}")
_KEY = re.compile(r"[0-9]?")


def _yes(*_: Any) -> bool:
    return True


def _nothing(*_: Any) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyVerb:
    """A verb, its words, and what it does.

    *word* is its name in buttons, webhooks and commands; *typed* are other words for it; *letter* (one to three) stands for it in
    signed links, and *key* is pressed for it in a call ("": none). *label* is on its button. *effect* says before, on the page of
    a link, what it would do; *done* is the participle of what was done ("acknowledged"), *detail* more about it ("for 2 hours"),
    and *then* a sentence about what comes next.

    *act(on, text, via)* does it as the actor in *on*; *text* is what was written with it, *via* names the way ("From Slack").
    It raises ``Conflict`` when it is overtaken, ``NotPermitted``, ``InvalidInput``. *asks* is what the page of a link asks for,
    *needs_text* whether nothing can be done without, *choices* the values and labels that it offers instead of a text field.
    *usage* is how help spells the command ("": the shortest word).

    It does something in *statuses* only. *is_offered* says whether messages about an incident offer it, which is asked for each
    message, and *place* in which order: some outlets show the first two only. *moves_status*: when it is overtaken, the status
    of the incident tells by whom. *is_as_wanted(incident, by, now)* says whether things still stand as *by*, who used a link
    before, wanted them.
    """

    word: str
    letter: str
    label: str
    effect: str
    done: str
    act: Callable[[On, str, str], None]
    typed: tuple[str, ...] = ()
    key: str = ""
    then: str = ""
    detail: Callable[[Incident, datetime], str] = _nothing
    asks: str = ""
    needs_text: bool = False
    choices: Sequence[tuple[str, str]] = ()
    usage: str = ""
    statuses: Sequence[Status] = LIVE
    is_offered: Callable[[Incident], bool] = _yes
    place: int = 1
    moves_status: bool = False
    is_as_wanted: Callable[[Incident, str, datetime], bool] = _yes

    @property
    def words(self) -> tuple[str, ...]:
        """All that may be typed for it."""
        return (self.word, *self.typed)

    @property
    def command(self) -> str:
        """How help spells it."""
        return self.usage or min(self.words, key=len)

    def is_possible(self, incident: Incident) -> bool:
        """Whether it would do anything now."""
        return incident.status in self.statuses


_verbs: dict[str, ReplyVerb] = {}
_typed: Mapping[str, str] = MappingProxyType({})


def register(verb: ReplyVerb) -> None:
    """Have pages answered with *verb*, too. Raises ``ValueError`` for words, letters and keys of a wrong form, and for those that
    another verb has."""
    for word in verb.words:
        if not _WORD.fullmatch(word) or word in RESERVED:
            raise ValueError(
                f"{word!r} can't be typed for a verb: lower-case letters, and none of the words of commands"
            )
    if not _LETTER.fullmatch(verb.letter) or not _KEY.fullmatch(verb.key):
        raise ValueError(f"{verb.word}: the letter must be one to three lower-case letters, the key a digit or nothing")
    for other in _verbs.values():
        shared = {*verb.words} & {*other.words} or {verb.letter} & {other.letter} or {verb.key} & {other.key} - {""}
        if shared:
            raise ValueError(f"{verb.word}: {other.word} has {', '.join(sorted(shared))} already")
    _verbs[verb.word] = verb
    _index()


def unregister(word: str) -> None:
    """Take a registration back (tests)."""
    del _verbs[word]
    _index()


def verb_of(word: str) -> ReplyVerb:
    """The verb called *word*. Raises ``KeyError``."""
    return _verbs[word]


def find(word: str) -> ReplyVerb | None:
    """The verb called *word*, if there is one."""
    return _verbs.get(word)


def by_letter(letter: str) -> ReplyVerb:
    """The verb that *letter* stands for in a link. Raises ``KeyError``."""
    return {verb.letter: verb for verb in _verbs.values()}[letter]


def by_key(key: str) -> ReplyVerb | None:
    """The verb of a key that was pressed in a call, if there is one."""
    return next((verb for verb in _verbs.values() if key and verb.key == key), None)


def registered() -> tuple[ReplyVerb, ...]:
    """All verbs, in the order in which messages offer them."""
    return tuple(sorted(_verbs.values(), key=lambda verb: verb.place))


def typed() -> Mapping[str, str]:
    """What may be typed, and the verb that it means."""
    return _typed


def _index() -> None:
    global _typed
    _typed = MappingProxyType({word: verb.word for verb in _verbs.values() for word in verb.words})
