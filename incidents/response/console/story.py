"""Timeline entries and decision traces as lines for people. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiops.access.actors import ActorKind
from incidents.choices import PAGING, EntryKind, Result, SignalAction, SourceKind, Status


@dataclass(frozen=True, slots=True)
class Line:
    """*who* (bold) did *what*; *aside* explains; *quote* is what somebody wrote; *until* is a time it runs to."""

    what: str
    who: str = ""
    aside: str = ""
    quote: str = ""
    tone: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """The fields of a timeline entry."""

    kind: str
    actor_kind: str
    actor_label: str
    from_status: str
    to_status: str
    text: str
    data: Mapping[str, Any]


def line_of(fact: Fact) -> Line:
    """How the timeline tells *fact*; a kind that it does not know is told by its name."""
    tell = TELLERS.get(fact.kind)
    return tell(fact) if tell else Line(fact.kind.replace("_", " "), _person(fact), quote=fact.text)


def _received(fact: Fact) -> Line:
    said = [f"severity {fact.data.get('severity', 'unknown')}"]
    if word := fact.data.get("severity_word"):
        said.append(f"from the unknown word “{word}”")
    said += [str(warning) for warning in fact.data.get("warnings", ())]
    return Line("Alert received from", fact.actor_label, "; ".join(said), tone="alert")


def _opened(fact: Fact) -> Line:
    return Line("Incident opened", aside=fact.data.get("reason", ""), tone="alert")


def _raised(fact: Fact) -> Line:
    former = fact.data.get("former_title")
    aside = f"it was “{former}” before" if former else ""
    quote = str(fact.data.get("title", ""))
    return Line(
        f"Severity raised to {fact.data.get('severity', 'a higher one')}", aside=aside, quote=quote, tone="warn"
    )


_MOVES = {
    Status.OPEN: ("reopened it", "warn"),
    Status.ACKNOWLEDGED: ("acknowledged", "act"),
    Status.INVESTIGATING: ("is looking into it", "think"),
    Status.RESOLVED: ("resolved it", "done"),
    Status.CLOSED: ("closed it", ""),
}


def _moved(fact: Fact) -> Line:
    what, tone = (
        _MOVES.get(Status(fact.to_status), ("changed the status", "")) if fact.to_status else ("changed it", "")
    )
    if fact.data.get("action") == "unacknowledge":
        what = "gave it back: nobody has it now"
    by = fact.data.get("by")
    aside = "; ".join(filter(None, [f"for {by}" if by else "", fact.data.get("reason", "")]))
    return Line(what, _person(fact), aside, fact.text, tone)


def _noted(fact: Fact) -> Line:
    return Line("noted", _person(fact), quote=fact.text, tone="think")


def _snoozed(fact: Fact) -> Line:
    by = fact.data.get("by")
    aside = f"for {by}" if by and by != fact.actor_label else ""
    return Line("snoozed it until", _person(fact), aside, fact.text, until=_instant(fact.data.get("until")))


def _woken(fact: Fact) -> Line:
    return Line("woke it", _person(fact), fact.data.get("reason", ""), tone="warn")


def _assigned(fact: Fact) -> Line:
    to = fact.data.get("assignee")
    return Line(f"gave it to {to}" if to else "took it from whoever had it", _person(fact), tone="act")


def _priority(fact: Fact) -> Line:
    return Line(f"set the priority to {fact.data.get('to', '?')}", _person(fact), f"was {fact.data.get('from', '?')}")


def _escalated(fact: Fact) -> Line:
    return Line("escalated it", _person(fact), quote=fact.text, tone="warn")


def _told(fact: Fact) -> Line:
    """What the apps above wrote down, in their own words."""
    return Line(
        str(fact.data.get("said") or EntryKind(fact.kind).label),
        aside=fact.data.get("reason", ""),
        tone=_TONES.get(fact.kind, ""),
    )


_TONES: dict[str, str] = {
    EntryKind.NOTIFICATION_SENT: "act",
    EntryKind.ESCALATION_LEVEL: "warn",
    EntryKind.ESCALATION_EXHAUSTED: "alert",
    EntryKind.NOTIFICATION_FAILED: "alert",
}

TELLERS: dict[str, Callable[[Fact], Line]] = {
    EntryKind.ALERT_RECEIVED: _received,
    EntryKind.INCIDENT_CREATED: _opened,
    EntryKind.SEVERITY_RAISED: _raised,
    EntryKind.STATUS_CHANGED: _moved,
    EntryKind.NOTE_ADDED: _noted,
    EntryKind.SNOOZED: _snoozed,
    EntryKind.UNSNOOZED: _woken,
    EntryKind.ASSIGNED: _assigned,
    EntryKind.PRIORITY_SET: _priority,
    EntryKind.ESCALATED: _escalated,
    **dict.fromkeys(PAGING, _told),
}


def _person(fact: Fact) -> str:
    return "aiops" if fact.actor_kind == ActorKind.SYSTEM else fact.actor_label


def _instant(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except (TypeError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a decision trace: what was looked at, what came of it, and the particulars."""

    stage: str
    outcome: str
    particulars: Sequence[tuple[str, str]]


STAGES = {
    "received": "Received",
    "parsed": "Read",
    "routed": "Routed",
    "dedup": "Deduplicated",
    "decided": "Decided",
}
WORDS: dict[str, str] = {
    "service": "to its service",
    **{str(action): f"as {label.lower()}" for action, label in SignalAction.choices},
}
PARTICULARS = {"source": "kind", "source_id": "source", "service_id": "service"}


def steps_of(trace: Any, names: Mapping[str, str]) -> list[Step]:
    """The stages of a stored trace; *names* says what ids stand for (``service_id:7`` → a name)."""
    if not isinstance(trace, list):
        return []
    return [_step(stage, names) for stage in trace if isinstance(stage, dict)]


def _step(stage: Mapping[str, Any], names: Mapping[str, str]) -> Step:
    word, outcome = str(stage.get("stage", "")), str(stage.get("outcome", ""))
    particulars = [
        (PARTICULARS.get(key, key.replace("_", " ")), _said(key, value, names))
        for key, value in stage.items()
        if key not in ("stage", "outcome") and value not in (None, "", [], {})
    ]
    words = Result(outcome).label if word == "decided" and outcome in Result else WORDS.get(outcome, outcome)
    return Step(STAGES.get(word, word.replace("_", " ").capitalize()), words, particulars)


def _said(key: str, value: Any, names: Mapping[str, str]) -> str:
    if key == "source" and value in SourceKind:
        return str(SourceKind(value).label)
    if known := names.get(f"{key}:{value}"):
        return known
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)
