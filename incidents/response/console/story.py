"""Timeline entries and decision traces as lines for people. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiops.access.actors import ActorKind
from incidents.choices import EntryKind, Result, SignalAction, SourceKind, Status
from incidents.core.timeline import Entry, kind_of, sentence_of


@dataclass(frozen=True, slots=True)
class Line:
    """*who* (bold) did *what*; *aside* explains; *quote* is what somebody wrote; *until* is a time it runs to."""

    what: str
    who: str = ""
    aside: str = ""
    quote: str = ""
    tone: str = ""
    until: datetime | None = None


def line_of(entry: Entry) -> Line:
    """How the timeline tells *entry*: the core's kinds in words of their own, others as their app registered them."""
    tell = TELLERS.get(entry.kind, _registered)
    return tell(entry)


def _registered(entry: Entry) -> Line:
    reason = str(entry.data.get("reason") or "")
    return Line(sentence_of(entry), aside=reason, quote=entry.text, tone=kind_of(entry.kind).tone)


def _received(entry: Entry) -> Line:
    said = [f"severity {entry.data.get('severity', 'unknown')}"]
    if word := entry.data.get("severity_word"):
        said.append(f"from the unknown word “{word}”")
    said += [str(warning) for warning in entry.data.get("warnings", ())]
    return Line("Alert received from", entry.actor_label, "; ".join(said), tone="alert")


def _opened(entry: Entry) -> Line:
    return Line("Incident opened", aside=entry.data.get("reason", ""), tone="alert")


def _raised(entry: Entry) -> Line:
    former = entry.data.get("former_title")
    aside = f"it was “{former}” before" if former else ""
    quote = str(entry.data.get("title", ""))
    return Line(
        f"Severity raised to {entry.data.get('severity', 'a higher one')}", aside=aside, quote=quote, tone="warn"
    )


_MOVES = {
    Status.OPEN: ("reopened it", "warn"),
    Status.ACKNOWLEDGED: ("acknowledged", "act"),
    Status.INVESTIGATING: ("is looking into it", "think"),
    Status.RESOLVED: ("resolved it", "done"),
    Status.CLOSED: ("closed it", ""),
}


def _moved(entry: Entry) -> Line:
    what, tone = (
        _MOVES.get(Status(entry.to_status), ("changed the status", "")) if entry.to_status else ("changed it", "")
    )
    if entry.data.get("action") == "unacknowledge":
        what = "gave it back: nobody has it now"
    by = entry.data.get("by")
    aside = "; ".join(filter(None, [f"for {by}" if by else "", entry.data.get("reason", "")]))
    return Line(what, _person(entry), aside, entry.text, tone)


def _noted(entry: Entry) -> Line:
    return Line("noted", _person(entry), quote=entry.text, tone="think")


def _snoozed(entry: Entry) -> Line:
    by = entry.data.get("by")
    aside = f"for {by}" if by and by != entry.actor_label else ""
    return Line("snoozed it until", _person(entry), aside, entry.text, until=_instant(entry.data.get("until")))


def _woken(entry: Entry) -> Line:
    return Line("woke it", _person(entry), entry.data.get("reason", ""), tone="warn")


def _assigned(entry: Entry) -> Line:
    to = entry.data.get("assignee")
    return Line(f"gave it to {to}" if to else "took it from whoever had it", _person(entry), tone="act")


def _priority(entry: Entry) -> Line:
    return Line(
        f"set the priority to {entry.data.get('to', '?')}", _person(entry), f"was {entry.data.get('from', '?')}"
    )


def _escalated(entry: Entry) -> Line:
    return Line("escalated it", _person(entry), quote=entry.text, tone="warn")


TELLERS: dict[str, Callable[[Entry], Line]] = {
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
}


def _person(entry: Entry) -> str:
    return "aiops" if entry.actor_kind == ActorKind.SYSTEM else entry.actor_label


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
