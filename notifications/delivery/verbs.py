"""Reply verbs: the actions that a reply to a page may ask for."""

from __future__ import annotations

from enum import StrEnum


class Verb(StrEnum):
    """An answer. Each is one verb of ``incidents.response.services.incidents``."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    ESCALATE = "escalate"
    SNOOZE = "snooze"
    NOTE = "note"

    @property
    def label(self) -> str:
        """What a button says."""
        return LABELS[self]


LABELS = {
    Verb.ACKNOWLEDGE: "Acknowledge",
    Verb.RESOLVE: "Resolve",
    Verb.ESCALATE: "Escalate",
    Verb.SNOOZE: "Snooze",
    Verb.NOTE: "Add a note",
}
