"""Parser of Prometheus alerts (labels, annotations, startsAt, endsAt).

They come in Alertmanager's webhook (Grafana and Mimir copy it) and, straight from Prometheus, through Alertmanager's
API ``POST /api/v2/alerts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeGuard

from aiops.kernel.errors import InvalidInput
from incidents.choices import SignalAction
from incidents.contracts import Signal
from incidents.ingest.sources import actions, identity, severity, subject
from incidents.ingest.sources.body import dump, read_each
from incidents.ingest.sources.reading import (
    LABEL_VALUE,
    NAME,
    TITLE,
    Fields,
    kept,
    line,
    links,
    named_links,
    number,
    plain,
)
from incidents.ingest.sources.reading import labels as read_labels

SERVICES = ("exported_service", "service", "service_name", "app", "app_kubernetes_io_name", "job")
GROUP_CONTEXT = ("receiver", "groupKey", "externalURL")  # what is kept of the group with each alert
MOST_TRUNCATED = 10**9  # alerts; more is no count


def is_webhook(body: object) -> bool:
    """Whether *body* is an Alertmanager webhook by what its group says of itself: its alerts have labels."""
    return has_alerts(body) and ("groupKey" in body or "version" in body or "receiver" in body)


def has_alerts(body: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether *body* holds a list of alerts, at least one of them with labels."""
    if not isinstance(body, Mapping) or not isinstance(alerts := body.get("alerts"), list):
        return False
    return any(isinstance(alert, Mapping) and isinstance(alert.get("labels"), Mapping) for alert in alerts)


def read_webhook(body: Mapping[str, Any], now: datetime) -> list[Signal]:
    """The signals of a webhook body (version 4; Grafana's version 1): firing and resolved alerts may be mixed in one. Raises as
    :func:`body.read_each`."""
    alerts = body.get("alerts")
    if not isinstance(alerts, list) or not alerts:
        raise InvalidInput("alerts: expected a list of at least one alert.", field="alerts")
    context = {name: plain(body[name])[:LABEL_VALUE] for name in GROUP_CONTEXT if name in body}
    source = "grafana" if "orgId" in body else "alertmanager"
    notice = _truncated(body.get("truncatedAlerts"))
    status = body.get("status") or body.get("state")

    def read(alert: Mapping[str, Any], path: str) -> list[Signal]:
        fields = Fields(alert, path, [notice] if notice else None)
        return [_read(fields, now, context=context, source=source, group_status=status)]

    return read_each(alerts, "alerts", read)


def read_api(body: list[Any], now: datetime) -> list[Signal]:
    """The signals of a post to ``/api/v2/alerts``: an array, which may be empty; there is no status, only ``endsAt``. Raises as
    :func:`body.read_each`."""

    def read(alert: Mapping[str, Any], path: str) -> list[Signal]:
        return [_read(Fields(alert, path), now, context={}, source="prometheus")]

    return read_each(body, "", read)


def _truncated(value: object) -> str:
    """What to say of alerts that the sender left out; nothing unless it is a count of some."""
    count = number(value)
    if count is None or not 1 <= count <= MOST_TRUNCATED or count != int(count):
        return ""
    return f"{int(count)} more alerts of this group were left out by the sender (truncatedAlerts)"


def _action(fields: Fields, group_status: object, ended_at: datetime | None, now: datetime) -> SignalAction:
    """The alert's own word decides, whatever its times say: two clocks may differ. Without one it is over when it has ended by
    *now* (Prometheus puts a future ``endsAt`` on what fires), or when its whole group is."""
    said = fields.data.get("status")
    if isinstance(said, Mapping):  # as Alertmanager's own API writes it
        said = said.get("state")
    if (own := actions.known(said)) is not None:
        return own.action
    read = actions.read((said,) if said else (group_status,))
    if read.warning:
        fields.warn(read.warning)
    return SignalAction.RESOLVE if ended_at is not None and ended_at <= now else read.action


def _read(
    fields: Fields, now: datetime, *, context: Mapping[str, Any], source: str, group_status: object = None
) -> Signal:
    """One alert."""
    alert = fields.data
    labels_said, annotations_said = fields.child("labels"), fields.child("annotations")
    labels = read_labels(labels_said.data, fields)
    about_labels = Fields(labels, labels_said.path, fields.warnings)
    annotations = Fields(annotations_said.data, annotations_said.path, fields.warnings)
    key = _key(fields, labels_said.data)

    ended_at = fields.instant("endsAt")
    action = _action(fields, group_status, ended_at, now)
    alert_name = labels.get("alertname", "")
    signal_type = subject.signal_type(alert_name) if alert_name else ""
    about = subject.of_fields(about_labels, signal_type, service_names=SERVICES)
    grade = severity.read((labels.get("severity"), labels.get("level"), labels.get("priority")))
    if grade.warning:
        fields.warn(grade.warning)
    title, description = _texts(annotations, alert_name, key)
    return Signal(
        action=action,
        dedup_key=key,
        dedup_strategy=identity.FINGERPRINT,
        title=title,
        description=description,
        severity=grade.severity,
        severity_word=grade.word,
        source=source,
        service=about.service,
        namespace=about.namespace,
        pod=about.pod,
        deployment=about.deployment,
        resource_kind=about.resource_kind,
        resource_name=about.resource_name,
        signal_type=signal_type,
        labels=kept(labels, fields, subject.DECIDING),
        links=_links(alert, annotations.data, labels_said.data),
        metric=_metric(annotations, alert, alert_name),
        started_at=fields.instant("startsAt"),
        occurred_at=ended_at if action == SignalAction.RESOLVE else None,
        raw=dump({**alert, **context}),
        warnings=tuple(fields.warnings),
    )


def _key(fields: Fields, labels: Mapping[str, Any]) -> str:
    """The fingerprint, or, where the sender gives none, a hash of all labels (in full length): both name the alert, not the
    episode, which is told by ``startsAt``."""
    fingerprint = fields.data.get("fingerprint")
    if isinstance(fingerprint, str) and (key := identity.named(fingerprint)):
        return key
    if not (texts := {name: str(value) for name, value in labels.items() if value not in (None, "")}):
        raise InvalidInput(f"{fields.path}labels: expected at least one label.", field=f"{fields.path}labels")
    return identity.of_labels(texts)


def _texts(annotations: Fields, alert_name: str, key: str) -> tuple[str, str]:
    """Title and description: the annotations where there are any, else the alert's name."""
    description = annotations.text("description", "message")
    title = annotations.line("summary", "title", limit=TITLE)
    return title or line(description.partition("\n")[0], TITLE) or line(alert_name, TITLE) or line(
        f"Alert {key}", TITLE
    ), description


def _links(
    alert: Mapping[str, Any], annotations: Mapping[str, Any], labels: Mapping[str, Any]
) -> tuple[Mapping[str, str], ...]:
    return links(
        (
            *named_links(annotations, labels, alert),
            (alert.get("panelURL"), "Panel"),
            (alert.get("generatorURL"), "Source"),
            (alert.get("silenceURL"), "Silence"),
        )
    )


def _metric(annotations: Fields, alert: Mapping[str, Any], alert_name: str) -> dict[str, Any]:
    """What was measured: numbers in annotations, and Grafana's ``values``."""
    found = subject.metric(annotations, rule_name=line(alert_name, NAME))
    values = alert.get("values")
    if isinstance(values, Mapping):
        numbers = {line(name, NAME): value for name, said in values.items() if (value := number(said)) is not None}
        if numbers:
            found = {"rule_name": line(alert_name, NAME), **found, "values": numbers}
            if len(numbers) == 1:
                found.setdefault("actual_value", next(iter(numbers.values())))
    return found
