"""Parser of the Events API version 2 of PagerDuty's clients, for ``POST /api/events`` and ``POST /v2/enqueue``.

The front door reads the routing key with :func:`routing_key`; the parser ignores it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aiops.kernel.errors import InvalidInput
from incidents.choices import SignalAction
from incidents.contracts import Signal
from incidents.ingest.sources import identity, severity, subject
from incidents.ingest.sources.body import dump, load, require_object
from incidents.ingest.sources.reading import (
    DESCRIPTION,
    KIND,
    NAME,
    TITLE,
    WORD,
    Fields,
    kept,
    line,
    links,
    named_links,
    objects,
    plain,
    text,
)
from incidents.ingest.sources.reading import labels as read_labels

ACTIONS: dict[str, SignalAction] = {
    str(action): action for action in (SignalAction.TRIGGER, SignalAction.ACKNOWLEDGE, SignalAction.RESOLVE)
}
REDACTED = "[redacted]"  # the routing key is a credential: it is not kept with what people may look at
# What Alertmanager's pagerduty_configs puts into custom_details; they describe one sending, not the problem.
GROUP_DETAILS = ("firing", "resolved", "num_firing", "num_resolved")


class Problem(NamedTuple):
    """Something that keeps an event from being taken: the field, and what was expected, as PagerDuty's clients know it."""

    field: str
    message: str


def read_body(body: bytes) -> dict[str, Any]:
    """The event in *body*; raises :class:`UnparsableBody`."""
    return require_object(load(body))


def routing_key(body: bytes) -> str:
    """The routing key of the event in *body*, "" when it has none; raises :class:`UnparsableBody`."""
    return routing_key_of(read_body(body))


def routing_key_of(event: Mapping[str, Any]) -> str:
    """The routing key of *event*, "" when it has none."""
    key = event.get("routing_key")
    return key.strip() if isinstance(key, str) else ""


def validate(event: Mapping[str, Any]) -> list[str]:
    """Everything that is wrong with *event*, a sentence each that names the field; ``/v2/enqueue`` needs the routing key, too."""
    missing_key = [] if routing_key_of(event) else [_missing("routing_key", event.get("routing_key")).message]
    return missing_key + [problem.message for problem in _problems(event)]


def read(event: Mapping[str, Any], raw: bytes) -> Signal:
    """The signal of *event*; raises :class:`InvalidInput` for the first thing that is wrong with it, all of them in its
    ``data["errors"]``."""
    if problems := list(_problems(event)):
        first = problems[0]
        raise InvalidInput(first.message, field=first.field, data={"errors": [problem.message for problem in problems]})
    fields = Fields(event)
    action = ACTIONS[_action(event.get("event_action"))]
    key, strategy = _key(event)
    payload = fields.child("payload")
    details = payload.data.get("custom_details")
    described = details if isinstance(details, Mapping) else {}
    labels = _labels(payload, described)
    alert_name = labels.get("alertname", "")
    signal_type = subject.signal_type(payload.line("class", limit=KIND) or line(alert_name, KIND))
    about = subject.of_fields(Fields(labels, "payload.custom_details.", fields.warnings), signal_type)
    grade = severity.read((payload.data.get("severity"), labels.get("severity")))
    if grade.warning:
        fields.warn(grade.warning)
    return Signal(
        action=action,
        dedup_key=key,
        dedup_strategy=strategy,
        title=payload.line("summary", limit=TITLE),
        description=_description(details),
        severity=grade.severity,
        severity_word=grade.word,
        source=payload.line("source", limit=NAME),
        service=about.service,
        namespace=about.namespace,
        pod=about.pod,
        deployment=about.deployment,
        resource_kind=about.resource_kind,
        resource_name=about.resource_name,
        signal_type=signal_type,
        labels=kept(labels, fields, subject.DECIDING),
        links=_links(event, described),
        metric=subject.metric(Fields(described, "payload.custom_details."), rule_name=line(alert_name, NAME)),
        occurred_at=payload.instant("timestamp"),
        raw=dump({**event, "routing_key": REDACTED}) if "routing_key" in event else raw,
        warnings=tuple(fields.warnings),
    )


# --- what is required -----------------------------------------------------------------------------------------------
def _problems(event: Mapping[str, Any]) -> Iterator[Problem]:
    said = event.get("event_action")
    action = _action(said)
    if _blank(said):
        yield _missing("event_action", said)
    elif action not in ACTIONS:
        shown = line(plain(said), WORD)
        choices = "'trigger', 'acknowledge' or 'resolve'"
        yield Problem(
            "event_action", f"'event_action' is invalid (must be one of the following: {choices}, not “{shown}”)"
        )
    key = event.get("dedup_key")
    wrong_type = key is not None and not isinstance(key, str)
    if wrong_type or (action in ("acknowledge", "resolve") and not identity.named(key or "")):
        yield _missing("dedup_key", key)
    if action != "trigger":
        return
    payload = event.get("payload")
    if not isinstance(payload, Mapping) or not payload:
        yield _missing("payload", payload, expected="an object")
        return
    for name in ("summary", "source"):
        value = payload.get(name)
        if not isinstance(value, str) or _blank(value):
            yield _missing(f"payload.{name}", value)


def _action(value: object) -> str:
    """The action's word, in any case and with blanks around it as everywhere."""
    return line(value, WORD).lower() if isinstance(value, str) else ""


def _blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not line(value, NAME))


def _missing(field: str, value: object, *, expected: str = "a text") -> Problem:
    if _blank(value) or value in ({}, []):
        return Problem(field, f"'{field}' is missing or blank")
    return Problem(field, f"'{field}' is invalid (must be {expected})")


def _key(event: Mapping[str, Any]) -> tuple[str, str]:
    if key := identity.named(event.get("dedup_key") or ""):
        return key, identity.NAMED
    return identity.generated(), identity.GENERATED


# --- what it is about -----------------------------------------------------------------------------------------------
def _labels(payload: Fields, details: Mapping[str, Any]) -> dict[str, str]:
    """component, group and class, and whatever plain values the details hold; for a group of alerts, what all of them share."""
    found: dict[str, Any] = {
        name: payload.data[name] for name in ("component", "group", "class") if payload.data.get(name)
    }
    shared = [alert["labels"] for alert in objects(details.get("firing")) if isinstance(alert.get("labels"), Mapping)]
    if shared:
        found.update(
            (name, value) for name, value in shared[0].items() if all(other.get(name) == value for other in shared)
        )
    found.update(
        (name, value)
        for name, value in details.items()
        if name not in GROUP_DETAILS and isinstance(value, str | int | float) and value != ""
    )
    return read_labels(found, payload) if found else {}


def _description(details: object) -> str:
    """The details as people read them: lines of "name: value"; of Alertmanager's, the alerts that fire (or did)."""
    if not isinstance(details, Mapping):
        return text(plain(details), DESCRIPTION)
    for name in ("firing", "resolved"):
        if alerts := details.get(name):
            return text(
                plain(alerts) if isinstance(alerts, str) else "\n".join(map(_alert_line, objects(alerts))), DESCRIPTION
            )
    return text(
        "\n".join(f"{name}: {plain(value)}" for name, value in details.items() if name not in GROUP_DETAILS),
        DESCRIPTION,
    )


def _alert_line(alert: Mapping[str, Any]) -> str:
    labels, annotations = Fields(alert).child("labels"), Fields(alert).child("annotations")
    name = labels.line("alertname") or "alert"
    told = annotations.line("summary", "description", "message", limit=TITLE)
    return f"{name}: {told}" if told else name


def _links(event: Mapping[str, Any], details: Mapping[str, Any]) -> tuple[Mapping[str, str], ...]:
    """Runbook and dashboard among the details, the event's links, its images, and the page of the client that sent it."""
    candidates = named_links(details)
    candidates += [(item.get("href"), plain(item.get("text"))) for item in objects(event.get("links"))]
    candidates += [
        (item.get("href") or item.get("src"), plain(item.get("alt")) or "Image")
        for item in objects(event.get("images"))
    ]
    candidates.append((event.get("client_url"), plain(event.get("client")) or "Client"))
    return links(candidates)
