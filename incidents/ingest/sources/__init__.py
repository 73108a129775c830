"""Parsers: one for each kind of source. They turn the bytes of a request into :class:`Signal` values. Pure.

A parser raises :class:`InvalidInput` (naming the field and what was expected), :class:`UnparsableBody`, or
:class:`PartlyRefused` for a batch with good and bad alerts. It returns no signal for a body that says nothing about a
state. It ignores unknown fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from aiops.kernel.errors import UnparsableBody
from incidents.choices import SourceKind
from incidents.contracts import Signal
from incidents.ingest.sources import alerts, events, generic, pagerduty
from incidents.ingest.sources.body import dump, load, load_as_written, load_json_or_form, read_each, require_object

Parse = Callable[[bytes, datetime], list[Signal]]


def parse_webhook(body: bytes, now: datetime) -> list[Signal]:
    """A generic body, an array of them, or a form; Alertmanager's own webhook is known by its shape."""
    value = load_json_or_form(body)
    if any(map(generic.has_rounded_key, value if isinstance(value, list) else [value])):
        value = load_as_written(body)
    if isinstance(value, list):
        if not value:
            raise UnparsableBody("The array is empty: expected at least one object.")
        return read_each(value, "", lambda item, path: [generic.read(item, dump(item), path)])
    value = require_object(value)
    if alerts.is_webhook(value) or (alerts.has_alerts(value) and not generic.has_title(value)):
        return alerts.read_webhook(value, now)
    return [generic.read(value, body)]


def parse_alerts(body: bytes, now: datetime) -> list[Signal]:
    """Alertmanager's webhook or Prometheus' array of alerts. Alertmanager lets users replace its whole body: one without alerts
    is read as a generic one."""
    value = load(body)
    if isinstance(value, list):
        return alerts.read_api(value, now)
    value = require_object(value)
    if not isinstance(value.get("alerts"), list) and generic.has_title(value):
        return [generic.read(value, body)]
    return alerts.read_webhook(value, now)


def parse_pagerduty(body: bytes, now: datetime) -> list[Signal]:
    """A v3 webhook event of PagerDuty, or an array of them."""
    value = load(body)
    if isinstance(value, list) and value:
        return read_each(value, "", _pagerduty_item)
    return pagerduty.read(require_object(value), body)


def _pagerduty_item(item: Mapping[str, Any], path: str) -> list[Signal]:
    return pagerduty.read(item, dump(item))


def parse_events(body: bytes, now: datetime) -> list[Signal]:
    """One event of the Events API, version 2."""
    return [events.read(events.read_body(body), body)]


SOURCES: dict[SourceKind, Parse] = {
    SourceKind.WEBHOOK: parse_webhook,
    SourceKind.ALERTMANAGER: parse_alerts,
    SourceKind.PROMETHEUS: parse_alerts,
    SourceKind.PAGERDUTY: parse_pagerduty,
    SourceKind.EVENTS: parse_events,
    SourceKind.INTERNAL: parse_webhook,
}

# What X-Source and ?source= may say, in lower case; "webhook" when they say nothing. Nobody else speaks for the platform itself.
SOURCE_WORDS: dict[str, SourceKind] = {
    "webhook": SourceKind.WEBHOOK,
    "generic": SourceKind.WEBHOOK,
    "alertmanager": SourceKind.ALERTMANAGER,
    "grafana": SourceKind.ALERTMANAGER,
    "prometheus": SourceKind.PROMETHEUS,
    "pagerduty": SourceKind.PAGERDUTY,
    "events": SourceKind.EVENTS,
}
