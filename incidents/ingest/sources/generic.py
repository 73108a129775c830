"""Parser of the generic webhook: any JSON object or form with a title. Field names and aliases are in docs/sources.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiops.kernel.errors import InvalidInput
from incidents.choices import SignalAction
from incidents.contracts import Signal
from incidents.ingest.sources import actions, identity, severity, subject
from incidents.ingest.sources.body import type_name
from incidents.ingest.sources.reading import KIND, NAME, TITLE, Fields, kept, line, links, named_links, plain, text
from incidents.ingest.sources.reading import labels as read_labels

TITLES = ("title", "summary", "message", "subject", "name", "alertname", "alert_name", "alertName", "text")
DESCRIPTIONS = ("description", "details", "body", "message", "summary", "text")
# No plain "id": most senders number their messages with it, and then no repeat would ever meet its incident.
KEYS = (
    "dedup_key", "dedupKey", "deduplication_key", "incident_key", "fingerprint", "alert_id", "alertId", "alias", "dedup",
    "dedupe_key", "alarm_id", "alarmId", "alert_key", "alertKey", "alert_cycle_key", "aggregation_key", "entity_id",
    "incident_id", "incidentId", "problem_id", "problemId", "issue_id", "issueId",
)  # fmt: skip
NAMED_KEYS = KEYS[:3]  # nothing else can be meant by these: a wrong type is an error
LONGEST_ALERT_NAME = 64  # characters: a longer title is no alert's name
ALERT_NAMES = ("alertname", "alert_name", "alertName")
LINKS = (("url", "Details"), ("link", "Details"), ("generatorURL", "Source"))


ENDS = ("ended_at", "endedAt", "endsAt", "ends_at", "resolved_at", "resolvedAt", "closed_at")


def has_rounded_key(body: object) -> bool:
    """Whether a number names the key that plain reading may have rounded."""
    return isinstance(body, Mapping) and any(isinstance(body.get(name), float) for name in KEYS)


def has_title(body: Mapping[str, Any]) -> bool:
    """Whether *body* can be read as a generic one."""
    return bool(_title(body)[1])


def read(body: Mapping[str, Any], raw: bytes, path: str = "") -> Signal:
    """One signal of one generic body at *path* ("[3]." in an array); raises :class:`InvalidInput` for a missing title or a dedup
    key that is no text."""
    title_field, title = _title(body)
    if not title:
        raise _no_title(body, title_field, path)

    fields = Fields(body, path)
    said = _labels_said(body, fields)
    labels = read_labels(said, fields)
    action = actions.read((body.get("event_action"), body.get("action"), body.get("status"), body.get("state")))
    grade = severity.read(holder.get(name) for holder in (body, labels) for name in ("severity", "level", "priority"))
    signal_type = _signal_type(fields, labels, title)
    about = subject.of_fields(Fields({**labels, **body}, path, fields.warnings) if labels else fields, signal_type)
    key, strategy = _key(fields, title, about)
    if action.warning:
        fields.warn(action.warning)
    if grade.warning:
        fields.warn(grade.warning)

    # A recovery may carry the time at which it all began as well; its end is what it is about.
    ends = ENDS if action.action == SignalAction.RESOLVE else ()
    started_at = fields.instant("started_at", "startsAt", "startedAt")
    occurred_at = fields.instant(*ends, "occurred_at", "occurredAt", "timestamp", "date", "time", "@timestamp")
    return Signal(
        action=action.action,
        dedup_key=key,
        dedup_strategy=strategy,
        title=title,
        description=fields.text(*(name for name in DESCRIPTIONS if name != title_field)),
        severity=grade.severity,
        severity_word=grade.word,
        source=fields.line("source", "origin", "system") or "webhook",
        service=about.service,
        namespace=about.namespace,
        pod=about.pod,
        deployment=about.deployment,
        resource_kind=about.resource_kind,
        resource_name=about.resource_name,
        signal_type=signal_type,
        labels=kept(labels, fields, subject.DECIDING),
        links=_links(body, said),
        metric=subject.metric(fields, rule_name=labels.get("alertname", "")),
        started_at=started_at,
        occurred_at=occurred_at,
        raw=raw,
        warnings=tuple(fields.warnings),
    )


def _title(body: Mapping[str, Any]) -> tuple[str, str]:
    """The first field that holds a title, and the title, else that of the alert's name among the labels; the first one that is
    there at all when none does."""
    present = ""
    for name in TITLES:
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, str) and (title := line(value, TITLE)):
            return name, title
        present = present or name
    if isinstance(labels := body.get("labels"), Mapping):
        for name in ALERT_NAMES:
            if isinstance(value := labels.get(name), str) and (title := line(value, TITLE)):
                return "labels", title
    return present or "title", ""


def _no_title(body: Mapping[str, Any], field: str, path: str) -> InvalidInput:
    value = body.get(field)
    got = "a blank one" if isinstance(value, str) else type_name(value)
    return InvalidInput(
        f"{path}{field}: expected a non-blank text as title, got {got}.",
        field=f"{path}{field}",
        details=f"Any of these can hold it: {', '.join(TITLES)}.",
    )


def _labels_said(body: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """``labels`` (an object) and ``tags`` (an object, or texts like "team:web")."""
    labels, tags = body.get("labels"), body.get("tags")
    found: dict[str, Any] = {}
    if isinstance(tags, Mapping):
        found.update(tags)
    elif isinstance(tags, list):
        found.update((tag.partition(":")[0], tag.partition(":")[2]) for tag in tags if isinstance(tag, str))
    elif tags is not None:
        fields.ignored("tags", tags, "an object or a list")
    if isinstance(labels, Mapping):
        found.update(labels)
    elif labels is not None:
        fields.ignored("labels", labels, "an object")
    return found


def _signal_type(fields: Fields, labels: Mapping[str, str], title: str) -> str:
    """Said, or that of the alert's name, or of a title that is such a name."""
    if said := fields.line("signal_type", "signalType", limit=KIND):
        return subject.signal_type(said)
    if name := fields.line(*ALERT_NAMES) or labels.get("alertname", ""):
        return subject.signal_type(name)
    return subject.known_signal_type(title) if len(title) <= LONGEST_ALERT_NAME and " " not in title else ""


def _key(fields: Fields, title: str, about: subject.Subject) -> tuple[str, str]:
    """The key that the body names, or one made of title, service, namespace and resource; and its strategy."""
    body = fields.data
    for name in KEYS:
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, str):
            if key := identity.named(value):
                return key, identity.NAMED
        elif isinstance(value, int | float) and not isinstance(value, bool) and (key := identity.named(plain(value))):
            return key, identity.NAMED
        elif name in NAMED_KEYS:
            raise InvalidInput(
                f"{fields.path}{name}: expected a text, got {type_name(value)}.", field=f"{fields.path}{name}"
            )
        else:
            fields.ignored(name, value, "a text")
    where = about.pod or about.deployment or f"{about.resource_kind}/{about.resource_name}"
    return identity.of_content(title, about.service, about.namespace, where), identity.CONTENT


def _links(body: Mapping[str, Any], labels: Mapping[str, Any]) -> tuple[Mapping[str, str], ...]:
    """The well-known single links, also among the labels, and ``links`` (objects with href, or plain addresses)."""
    candidates: list[tuple[object, str]] = [(body[name], label) for name, label in LINKS if name in body]
    candidates += named_links(body, labels)
    listed = body.get("links")
    if isinstance(listed, list):
        for item in listed:
            if isinstance(item, Mapping):
                candidates.append((item.get("href") or item.get("url"), text(plain(item.get("text")), NAME)))
            else:
                candidates.append((item, ""))
    return links(candidates) if candidates else ()
