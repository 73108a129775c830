"""The generic webhook."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from aiops.kernel.errors import InvalidInput, UnparsableBody
from incidents.choices import Severity, SignalAction
from incidents.contracts import Signal
from incidents.ingest.sources import generic
from tests.sources.payloads import body, captured, parse, utc


def one(**fields: object) -> Signal:
    """The signal of a generic body with these fields and, unless given, a title."""
    (signal,) = parse("webhook", {"title": "Disk full", **fields})
    return signal


def test_the_contracts_sample() -> None:
    (signal,) = captured("webhook", "contract")
    assert signal == Signal(
        action=SignalAction.TRIGGER,
        dedup_key=signal.dedup_key,
        dedup_strategy="content",
        title="High CPU on payments-api",
        description="CPU usage > 90% for 5 minutes",
        severity=Severity.CRITICAL,
        source="prometheus",
        service="payments-api",
        namespace="production",
        pod="payments-api-7d8f9c6b5-x2k4m",
        deployment="payments-api",
        resource_kind="Deployment",
        resource_name="payments-api",
        raw=body("webhook", "contract"),
    )


def test_aliases_and_everything_beside_the_title() -> None:
    (signal,) = captured("webhook", "aliases")
    assert signal == Signal(
        action=SignalAction.TRIGGER,
        dedup_key="8812",
        dedup_strategy="dedup_key",
        title="Queue is growing",
        description="12 000 messages wait",
        severity=Severity.HIGH,
        source="rabbit-watch",
        service="orders",
        resource_kind="StatefulSet",
        resource_name="rabbit",
        labels={
            "team": "platform",
            "nightly": "",
            "service": "orders",
            "attempts": "3",
            "muted": "false",
            "runbook": '{"steps":2}',
        },
        links=(
            {"href": "https://rabbit.example.com/queues/7", "text": "Details"},
            {"href": "https://wiki.example.com/rabbit", "text": "Runbook"},
            {"href": "https://status.example.com", "text": "https://status.example.com"},
        ),
        metric={"metric": "queue_depth", "threshold": 10_000.0, "actual_value": 12_000.5},
        started_at=utc("2026-03-19 13:20"),
        occurred_at=utc("2026-03-19 14:30:00.123"),
        raw=body("webhook", "aliases"),
    )


@pytest.mark.parametrize("name", generic.TITLES)
def test_every_alias_of_the_title(name: str) -> None:
    (signal,) = parse("webhook", {name: "  Disk\nfull "})
    assert signal.title == "Disk full"


def test_the_title_is_the_first_alias_that_holds_a_text_and_the_next_describes() -> None:
    signal = one(title=" ", summary=None, message="Disk full", text="on db-1")
    assert (signal.title, signal.description) == ("Disk full", "on db-1")
    assert one(message="on db-1").description == "on db-1"
    assert one(description={"free": "1%"}).description == '{"free":"1%"}'


@pytest.mark.parametrize(
    ("sent", "field", "got"),
    [
        ({}, "title", "got nothing"),
        ({"title": ""}, "title", "got a blank one"),
        ({"title": " \t\n"}, "title", "got a blank one"),
        ({"title": "\0"}, "title", "got a blank one"),
        ({"title": 5}, "title", "got a number"),
        ({"title": None, "message": ["x"]}, "message", "got a list"),
        ({"description": "no title"}, "title", "got nothing"),
    ],
)
def test_without_a_title_the_field_is_named(sent: dict[str, Any], field: str, got: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse("webhook", sent)
    assert refused.value.field == field
    assert str(refused.value) == f"{field}: expected a non-blank text as title, {got}."


@pytest.mark.parametrize("sent", [None, True, 5, "title", [], [[]]])
def test_what_is_no_object_is_refused(sent: object) -> None:
    with pytest.raises(InvalidInput):
        parse("webhook", sent)
    if not isinstance(sent, list):
        with pytest.raises(UnparsableBody, match="Expected a JSON object, got"):
            parse("webhook", sent)


def test_an_array_is_several_signals_each_with_its_own_piece() -> None:
    first, second, recovered = captured("webhook", "array")
    assert [one.resource_name for one in (first, second, recovered)] == ["db-1", "db-2", "db-1"]
    assert [one.action for one in (first, second, recovered)] == ["trigger", "trigger", "resolve"]
    assert recovered.dedup_key == first.dedup_key != second.dedup_key
    assert orjson.loads(second.raw) == {"title": "Disk full", "host": "db-2"}


def test_a_bad_element_of_an_array_is_named_by_its_place() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse("webhook", [{"title": "x"}, {"titel": "y"}])
    assert refused.value.field == "[1].title"
    with pytest.raises(InvalidInput) as refused:
        parse("webhook", [{"title": "x"}, "y"])
    assert (refused.value.field, str(refused.value)) == ("[1]", "[1]: expected an object, got a text.")


def test_a_form_will_do() -> None:
    (signal,) = parse("webhook", b"title=Disk+full&severity=critical&status=resolved&dedup_key=d1")
    assert (signal.title, signal.severity, signal.action, signal.dedup_key) == (
        "Disk full",
        Severity.CRITICAL,
        "resolve",
        "d1",
    )


@pytest.mark.parametrize("name", generic.KEYS)
def test_a_body_may_name_its_key(name: str) -> None:
    signal = one(**{name: "db-1/disk"})
    assert (signal.dedup_key, signal.dedup_strategy) == ("db-1/disk", "dedup_key")


def test_an_id_is_no_key_and_neither_is_a_blank_one() -> None:
    assert one(id="1").dedup_key == one(id="2").dedup_key == one(dedup_key=" ", fingerprint=None, alias=[]).dedup_key
    assert one(id="1").dedup_strategy == "content"


@pytest.mark.parametrize("key", [["a"], {"a": 1}, True])
def test_a_key_that_is_no_text_is_refused(key: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        one(dedup_key=key)
    assert refused.value.field == "dedup_key"


@pytest.mark.parametrize(
    "changed",
    [{"title": "Disk full!"}, {"service": "orders"}, {"namespace": "prod"}, {"pod": "p"}, {"deployment": "d"}, {"host": "h"},
     {"resource": "Node/n"}],
)  # fmt: skip
def test_title_service_namespace_and_resource_identify(changed: dict[str, Any]) -> None:
    assert one(**changed).dedup_key != one().dedup_key


def test_nothing_else_identifies_so_that_a_recovery_meets_its_incident() -> None:
    recovered = one(
        status="ok", severity="info", description="fine again", source="probe-2", timestamp="2026-03-19T15:00:00Z"
    )
    assert recovered.dedup_key == one().dedup_key
    assert recovered.action == SignalAction.RESOLVE


@pytest.mark.parametrize(
    ("sent", "action"),
    [
        ({"action": "resolve", "status": "firing"}, "resolve"),
        ({"action": "update", "status": "resolved"}, "resolve"),
        ({"event_action": "acknowledge"}, "acknowledge"),
        ({"state": "closed"}, "resolve"),
        ({"status": "upstream_down"}, "trigger"),
    ],
)
def test_actions(sent: dict[str, Any], action: str) -> None:
    assert one(**sent).action == action


def test_what_was_coerced_is_shown() -> None:
    signal = one(status="upstream_down", severity="page2", timestamp="soon", service=["a"])
    assert signal.severity == Severity.MEDIUM
    assert signal.severity_word == "page2"
    assert set(signal.warnings) == {
        "status “upstream_down” is not known, read as a trigger",
        "severity “page2” coerced to medium",
        "timestamp: “soon” is not a time that can be read, ignored",
        "service: expected a text, got a list, ignored",
    }


def test_labels_stand_in_for_what_the_body_does_not_say_itself() -> None:
    signal = one(
        labels={"alertname": "KubePodCrashLooping", "service": "orders", "namespace": "prod"}, namespace="test"
    )
    assert (signal.service, signal.namespace, signal.signal_type) == ("orders", "test", "crashloop_backoff")


@pytest.mark.parametrize(
    ("sent", "signal_type"),
    [
        ({"signal_type": "oom_kill"}, "oom_kill"),
        ({"alertname": "HighCPU"}, "cpu_high"),
        ({"title": "OOMKilled"}, "oom_kill"),
        ({"title": "Latency"}, "latency"),
        ({"title": "High CPU on payments-api"}, ""),
    ],
)
def test_signal_types(sent: dict[str, Any], signal_type: str) -> None:
    assert one(**sent).signal_type == signal_type


def test_the_end_is_when_a_recovery_happened_whatever_its_other_times_say() -> None:
    assert one(status="ok", endsAt="2026-03-19T15:00:00Z").occurred_at == utc("2026-03-19 15:00")
    assert one(status="firing", endsAt="2026-03-19T15:00:00Z").occurred_at is None
    assert one(status="ok", endsAt="2026-03-19T15:00:00Z", timestamp=1773930600).occurred_at == utc("2026-03-19 15:00")
    assert one(status="ok", timestamp=1773930600).occurred_at == utc("2026-03-19 14:30")


def test_unknown_fields_never_matter() -> None:
    assert one(zzz={"deep": [1, {"x": None}]}, version=4).warnings == ()


@pytest.mark.parametrize("name", ["firing", "mixed", "grafana"])
def test_alertmanagers_webhook_is_known_by_its_shape(name: str) -> None:
    assert parse("webhook", body("alertmanager", name)) == captured("alertmanager", name)


def test_a_body_that_merely_mentions_alerts_is_a_generic_one() -> None:
    assert one(alerts=[{"labels": {"a": "b"}}]).title == "Disk full"
    assert one(alerts=[5], version="4").title == "Disk full"
    assert one(alerts=3, groupKey="x").title == "Disk full"
