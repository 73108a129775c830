"""PagerDuty's v3 webhooks."""

from __future__ import annotations

from typing import Any

import pytest

from aiops.kernel.errors import InvalidInput
from incidents.choices import Severity, SignalAction
from incidents.contracts import Signal
from incidents.ingest.sources import pagerduty
from tests.sources.payloads import body, captured, parse, utc


def event(event_type: Any = "incident.triggered", **data: Any) -> list[Signal]:
    """The signals of an event about an incident."""
    return parse("pagerduty", {"event": {"event_type": event_type, "data": {"id": "PD1", "title": "Slow", **data}}})


@pytest.mark.parametrize(
    ("name", "title", "service"),
    [
        ("contract", "Database connection pool exhausted", "auth-service"),
        ("contract_sync", "Service degraded", "api-gateway"),
    ],
)
def test_the_contracts_samples(name: str, title: str, service: str) -> None:
    (signal,) = captured("pagerduty", name)
    assert (signal.action, signal.dedup_key, signal.dedup_strategy) == ("trigger", "PD12345", "incident_id")
    assert (signal.title, signal.service, signal.source) == (title, service, "pagerduty")
    assert (signal.severity, signal.labels, signal.warnings) == (Severity.HIGH, {"urgency": "high"}, ())
    assert signal.raw == body("pagerduty", name)


def test_the_life_of_an_incident() -> None:
    names = ("triggered", "acknowledged", "annotated", "resolved", "reopened")
    signals = [signal for name in names for signal in captured("pagerduty", name)]
    assert [signal.action for signal in signals] == ["trigger", "acknowledge", "resolve", "trigger"]
    assert {signal.dedup_key for signal in signals} == {"PGR0VU2"}
    times = [signal.occurred_at for signal in signals]
    assert None not in times
    assert times == sorted(times)  # type: ignore[type-var]
    # Only the first trigger may be ended by a resolve that names the same start.
    assert [signal.started_at for signal in signals] == [utc("2026-03-19 15:16:27"), None, None, None]
    assert signals[0].links == ({"href": "https://acme.pagerduty.com/incidents/PGR0VU2", "text": "PagerDuty"},)
    assert signals[0].labels == {"urgency": "high", "priority": "P1", "escalation_policy": "Default", "number": "2"}


@pytest.mark.parametrize(
    ("data", "severity", "shown"),
    [
        ({"urgency": "high"}, Severity.HIGH, ""),
        ({"urgency": "Low"}, Severity.LOW, ""),
        ({}, Severity.MEDIUM, ""),
        ({"urgency": "extreme"}, Severity.MEDIUM, "extreme"),
        ({"urgency": "high", "priority": {"summary": "P1"}}, Severity.CRITICAL, ""),
        ({"urgency": "high", "priority": {"summary": "P4"}}, Severity.LOW, ""),
        ({"urgency": "high", "priority": {"summary": "Our own word"}}, Severity.HIGH, ""),
        ({"urgency": "high", "priority": "P1"}, Severity.HIGH, ""),
    ],
)
def test_severity_is_the_priority_that_people_set_else_the_urgency(data: Any, severity: Severity, shown: str) -> None:
    (signal,) = event(**data)
    assert (signal.severity, signal.severity_word) == (severity, shown)


@pytest.mark.parametrize("event_type", sorted(pagerduty.SILENT))
def test_events_that_say_nothing_about_state_are_accepted_without_a_signal(event_type: str) -> None:
    assert parse("pagerduty", {"event": {"event_type": event_type, "data": None}}) == []


@pytest.mark.parametrize("event_type", ["INCIDENT.RESOLVED", "Incident.Resolved"])
def test_event_types_are_read_in_any_case(event_type: str) -> None:
    (signal,) = event(event_type)
    assert signal.action == SignalAction.RESOLVE
    assert event("Service.Updated") == []


@pytest.mark.parametrize("event_type", ["incident.exploded", "triggered", "incident.triggered ", "", "x\0y"])
def test_unknown_events_are_refused(event_type: str) -> None:
    with pytest.raises(InvalidInput, match="unsupported event") as refused:
        event(event_type)
    assert refused.value.field == "event.event_type"


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "event"),
        ({"event": "incident.triggered"}, "event"),
        ({"event": {}}, "event.event_type"),
        ({"event": {"event_type": ["incident.triggered"]}}, "event.event_type"),
        ({"event": {"event_type": "incident.triggered"}}, "event.data"),
        ({"event": {"event_type": "incident.triggered", "data": []}}, "event.data"),
        ({"event": {"event_type": "incident.resolved", "data": {}}}, "event.data.id"),
        ({"event": {"event_type": "incident.resolved", "data": {"id": " "}}}, "event.data.id"),
        ({"event": {"event_type": "incident.resolved", "data": {"id": 5}}}, "event.data.id"),
    ],
)
def test_what_is_wrong_is_named(sent: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse("pagerduty", sent)
    assert refused.value.field == field


def test_an_incident_without_a_title_still_gets_one() -> None:
    (signal,) = event(title=None)
    assert signal.title == "PagerDuty incident PD1"


def test_wrong_types_beside_the_essential_are_passed_over() -> None:
    (signal,) = event(service="web", urgency=["high"], priority=7, created_at={}, html_url=5, title=["x"])
    assert signal.severity == Severity.MEDIUM
    assert "event.data.service: expected an object, got a text, ignored" in signal.warnings
