"""Timeline entries as values, and the registry of their kinds: what each place that shows an entry calls it. Pure.

An app registers the kinds that it writes in ``AppConfig.ready()``. An entry of a kind that nobody registered (a newer version
wrote it, or the app is not installed) is shown by what it says of itself, or by its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Self

from aiops.access.actors import Actor, ActorRef
from incidents.choices import EntryKind

WORD = re.compile(r"[a-z][a-z0-9_]{1,31}")
TONES = ("", "act", "warn", "alert", "think", "done")  # how the console marks a line


@dataclass(kw_only=True)  # neither frozen nor with slots: ingest makes and serializes some for each incident
class Entry:
    """A fact about an incident, which nobody changes. *text* is what a person wrote; *data* are the facts by kind: ``said`` is a
    whole sentence, and ``reason`` says why."""

    incident_id: int
    at: datetime
    kind: str
    actor_kind: str
    actor_id: str
    actor_label: str
    from_status: str = ""
    to_status: str = ""
    text: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def by(cls, actor: Actor | ActorRef, incident_id: int, at: datetime, kind: str, **rest: Any) -> Self:
        """The entry of what *actor* did; *rest* are the fields that may be empty."""
        return cls(
            incident_id=incident_id,
            at=at,
            kind=kind,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_label=actor.label,
            **rest,
        )

    @classmethod
    def of(cls, row: Any) -> Self:
        """The entry that a row of the table holds."""
        said = {each.name: getattr(row, each.name) for each in fields(cls)}
        return cls(**{**said, "data": row.data if isinstance(row.data, dict) else {}})


def _said(entry: Entry) -> str:
    return str(entry.data.get("said") or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """The words of one kind of entry.

    *word* is what is stored, and the client dialect's ``event_type``; *label* names the kind where an entry says nothing of
    itself. *v1_type* is v1's type, and *v1_source* the part of the platform that v1 names instead of the actor. *sentence* is
    what the console and v1 say of an entry ("": the label); *tone* is one of ``TONES``.
    """

    word: str
    label: str
    v1_type: str = "Event"
    v1_source: str = ""
    sentence: Callable[[Entry], str] = _said
    tone: str = ""


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Have entries of *kind* shown with its words. Raises ``ValueError`` for a word that is taken or is no lower-case name of at
    most 32 characters, and for an unknown tone."""
    if not WORD.fullmatch(kind.word):
        raise ValueError(f"the kind {kind.word!r} must be a lower-case name of at most 32 characters")
    if kind.tone not in TONES:
        raise ValueError(f"the tone of {kind.word} must be one of {', '.join(filter(None, TONES))}, or empty")
    if kind.word in _kinds:
        raise ValueError(f"the kind {kind.word!r} is registered twice")
    _kinds[kind.word] = kind


def unregister(word: str) -> None:
    """Take a registration back (tests)."""
    del _kinds[word]


def kind_of(word: str) -> Kind:
    """The kind called *word*; for an unknown one, a kind that is called by its name."""
    return _kinds.get(word) or Kind(word=word, label=word.replace("_", " ").capitalize())


def sentence_of(entry: Entry) -> str:
    """What is said of *entry*, in words of its kind."""
    kind = kind_of(entry.kind)
    return kind.sentence(entry) or kind.label


def kinds() -> tuple[Kind, ...]:
    """All kinds that are registered."""
    return tuple(_kinds.values())


# The core's own. What the console and v1 say of them in detail stands there (``console/story.py``, ``api/v1/timeline.py``).
for _kind, _v1_type in {
    EntryKind.ALERT_RECEIVED: "Alert",
    EntryKind.INCIDENT_CREATED: "Detection",
    EntryKind.SEVERITY_RAISED: "SeverityChange",
    EntryKind.STATUS_CHANGED: "StatusChange",
    EntryKind.NOTE_ADDED: "Note",
    EntryKind.SNOOZED: "Snooze",
    EntryKind.UNSNOOZED: "Unsnooze",
    EntryKind.ASSIGNED: "Assignment",
    EntryKind.PRIORITY_SET: "PriorityChange",
    EntryKind.ESCALATED: "Escalation",
}.items():
    register(Kind(word=_kind.value, label=str(_kind.label), v1_type=_v1_type))
