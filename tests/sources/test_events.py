"""The Events API, version 2."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from aiops.kernel.errors import InvalidInput, UnparsableBody
from incidents.choices import Severity, SignalAction
from incidents.contracts import Signal
from incidents.ingest.sources import events
from tests.sources.payloads import body, captured, parse, utc

PAYLOAD = {"summary": "Disk full", "source": "db-1", "severity": "error"}


def trigger(**fields: Any) -> dict[str, Any]:
    """A valid trigger with these fields changed."""
    return {"routing_key": "k" * 32, "event_action": "trigger", "dedup_key": "d1", "payload": PAYLOAD, **fields}


def one(**fields: Any) -> Signal:
    """The signal of a trigger with these fields changed."""
    (signal,) = parse("events", trigger(**fields))
    return signal


def test_the_contracts_samples() -> None:
    (triggered,), (acknowledged,), (resolved,) = (captured("events", f"contract_{name}") for name in events.ACTIONS)
    assert triggered == Signal(
        action=SignalAction.TRIGGER,
        dedup_key="cpu-high",
        dedup_strategy="dedup_key",
        title="CPU usage above 90%",
        severity=Severity.MEDIUM,
        source="prometheus",
        raw=triggered.raw,
    )
    assert (acknowledged.action, acknowledged.dedup_key, acknowledged.title) == ("acknowledge", "cpu-high", "")
    assert (resolved.action, resolved.dedup_key) == ("resolve", "cpu-high")
    assert events.routing_key(body("events", "contract_resolve")) == "SERVICE_ROUTING_KEY"


def test_pagerdutys_python_client() -> None:
    (triggered,), (acknowledged,), (resolved,) = (captured("events", f"client_{name}") for name in events.ACTIONS)
    assert [one.dedup_key for one in (triggered, acknowledged, resolved)] == ["db-1-disk"] * 3
    assert triggered.description == 'free: 1%\nmounts: ["/","/var"]\nchecked: true\nservice: orders-db'
    assert triggered.occurred_at == utc("2026-03-19 14:30")
    assert (triggered.service, triggered.severity, triggered.signal_type) == ("orders-db", Severity.HIGH, "disk")
    assert triggered.labels == {
        "component": "postgres", "group": "prod", "class": "disk", "free": "1%", "checked": "true", "service": "orders-db",
    }  # fmt: skip
    assert triggered.links == (
        {"href": "https://example.com/g", "text": "graph"},
        {"href": "https://example.com/i.png", "text": "Image"},
    )


def test_a_go_client_without_a_key_gets_a_fresh_one_each_time() -> None:
    (first,), (second,) = captured("events", "go_client"), captured("events", "go_client")
    assert first.dedup_strategy == "generated"
    assert len(first.dedup_key) == 32
    assert first.dedup_key != second.dedup_key
    assert first.description == "exit status 3\nno space left on device"
    assert (first.severity, first.severity_word) == (Severity.MEDIUM, "page2")
    assert [link["href"] for link in first.links] == [
        "https://wiki.example.com/disk",
        "https://graphs.example.com/1",
        "https://backup.example.com/jobs/77",
    ]


def test_alertmanagers_pagerduty_configs() -> None:
    (firing,), (resolved,) = captured("events", "alertmanager_firing"), captured("events", "alertmanager_resolved")
    assert (firing.action, resolved.action) == ("trigger", "resolve")
    assert firing.dedup_key == resolved.dedup_key == "e5f570c1065093b582fdfce9ac4e1b1309407afb5f5bfbf222d4795e10102003"
    assert firing.title == "[FIRING:2] payments-api (production)"
    assert firing.description.startswith("Labels:\n - alertname = HighErrorRate\n")
    assert firing.labels == {"ok": "yes", "version": "1.10"}  # what counts the sending is no label


def test_newer_alertmanagers_send_typed_details() -> None:
    (signal,) = captured("events", "alertmanager_typed")
    assert signal.description == (
        "HighErrorRate: Error rate above 5%\nPodCrashLooping: Pod payments-api-7d8f9c6b5-x2k4m is crash looping"
    )
    assert (signal.service, signal.namespace) == ("payments-api", "production")  # what all of its alerts share
    assert signal.labels == {"namespace": "production", "service": "payments-api", "ok": "true", "version": "1.1"}


@pytest.mark.parametrize(
    ("details", "description"),
    [
        (None, ""), ("as text", "as text"), (5, "5"), (True, "true"), ([1, {"a": None}], '[1,{"a":null}]'), ({}, ""),
        ({"a": {"b": 1}, "c": None}, 'a: {"b":1}\nc:'), ({"firing": 3, "x": "y"}, ""), ({"firing": "", "resolved": "r"}, "r"),
    ],
)  # fmt: skip
def test_details_may_be_any_json(details: Any, description: str) -> None:
    assert one(payload={**PAYLOAD, "custom_details": details}).description == description


@pytest.mark.parametrize("action", ["acknowledge", "resolve"])
@pytest.mark.parametrize("payload", [None, {}, {"summary": ""}, {"severity": "bogus"}, "x"])
def test_acknowledge_and_resolve_need_no_payload(action: str, payload: Any) -> None:
    signal = one(event_action=action, payload=payload)
    assert (signal.action, signal.dedup_key) == (action, "d1")


def test_the_routing_key_is_not_kept() -> None:
    signal = one(routing_key="0123456789abcdef")
    assert b"0123456789abcdef" not in signal.raw
    assert orjson.loads(signal.raw) == trigger(routing_key="[redacted]")
    assert events.routing_key(orjson.dumps(trigger(routing_key=" abc "))) == "abc"
    assert events.routing_key(b'{"routing_key": 5}') == events.routing_key(b"{}") == ""
    with pytest.raises(UnparsableBody):
        events.routing_key(b"[]")


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"event_action": None}, "event_action", "'event_action' is missing or blank"),
    ({"event_action": " "}, "event_action", "'event_action' is missing or blank"),
    (
        {"event_action": "open"},
        "event_action",
        "'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge' or 'resolve', not “open”)",
    ),
    (
        {"event_action": ["trigger"]},
        "event_action",
        "'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge' or 'resolve', not “[\"trigger\"]”)",
    ),
    ({"dedup_key": 5}, "dedup_key", "'dedup_key' is invalid (must be a text)"),
    ({"event_action": "resolve", "dedup_key": None}, "dedup_key", "'dedup_key' is missing or blank"),
    ({"event_action": "acknowledge", "dedup_key": " "}, "dedup_key", "'dedup_key' is missing or blank"),
    ({"payload": None}, "payload", "'payload' is missing or blank"),
    ({"payload": {}}, "payload", "'payload' is missing or blank"),
    ({"payload": "x"}, "payload", "'payload' is invalid (must be an object)"),
    ({"payload": {**PAYLOAD, "summary": " "}}, "payload.summary", "'payload.summary' is missing or blank"),
    ({"payload": {**PAYLOAD, "summary": ["x"]}}, "payload.summary", "'payload.summary' is invalid (must be a text)"),
    ({"payload": {"summary": "x"}}, "payload.source", "'payload.source' is missing or blank"),
]


@pytest.mark.parametrize(("changed", "field", "message"), BAD)
def test_what_is_wrong_is_named_alike_by_parser_and_validator(
    changed: dict[str, Any], field: str, message: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        one(**changed)
    assert (refused.value.field, str(refused.value)) == (field, message)
    assert events.validate(trigger(**changed)) == [message]


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        one(payload={"summary": 5})
    assert refused.value.data["errors"] == [
        "'payload.summary' is invalid (must be a text)",
        "'payload.source' is missing or blank",
    ]
    assert events.validate(trigger()) == []
    assert events.validate({"event_action": "trigger", "payload": {"severity": "bogus"}}) == [
        "'routing_key' is missing or blank",
        "'payload.summary' is missing or blank",
        "'payload.source' is missing or blank",
    ]
    assert events.validate({}) == ["'routing_key' is missing or blank", "'event_action' is missing or blank"]


def test_absent_severity_is_medium_and_an_unknown_one_is_coerced_and_shown() -> None:
    absent = one(payload={"summary": "x", "source": "y"})
    assert (absent.severity, absent.severity_word, absent.warnings) == (Severity.MEDIUM, "", ())
    unknown = one(payload={**PAYLOAD, "severity": "none of them"})
    assert unknown.warnings == ("severity “none of them” coerced to medium",)


def test_long_texts_are_cut_and_long_keys_stay_different() -> None:
    signal = one(payload={**PAYLOAD, "summary": "s" * 1_024}, dedup_key="k" * 512)
    assert (len(signal.title), signal.dedup_key) == (500, "k" * 512)
    assert one(dedup_key="k" * 513).dedup_key != one(dedup_key="k" * 514).dedup_key


def test_an_unreadable_timestamp_is_passed_over() -> None:
    signal = one(payload={**PAYLOAD, "timestamp": "now"})
    assert signal.occurred_at is None
    assert signal.warnings == ("payload.timestamp: “now” is not a time that can be read, ignored",)


@pytest.mark.parametrize("key", ["\u200b", "\u2060\u2060", "\u2800", "\u00ad"])
def test_a_key_that_nobody_can_see_is_found_again_as_it_was_told(key: str) -> None:
    told = one(dedup_key=key).dedup_key
    assert (told, one(event_action="resolve", dedup_key=told).dedup_key) == (key, key)
