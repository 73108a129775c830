"""Alertmanager's webhook (and Grafana's copy of it), and what Prometheus posts to an Alertmanager."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from aiops.kernel.errors import InvalidInput
from incidents.choices import Severity, SignalAction
from incidents.contracts import Signal
from tests.sources.payloads import NOW, body, captured, parse, utc

STARTED = utc("2026-11-20 15:13:29.124")
ZERO = "0001-01-01T00:00:00Z"


def webhook(*alerts: Any, **group: Any) -> list[Signal]:
    """The signals of a webhook body with these alerts."""
    return parse("alertmanager", {"version": "4", "status": "firing", "groupKey": "g", "alerts": list(alerts), **group})


def alert(**fields: Any) -> dict[str, Any]:
    """A firing alert as Alertmanager sends it, with these fields changed."""
    return {
        "status": "firing",
        "labels": {"alertname": "HighLatency", "severity": "page"},
        "annotations": {"summary": "Slow"},
        "startsAt": "2026-11-20T15:00:00Z",
        "endsAt": ZERO,
        "fingerprint": "b6934e959964bb4f",
        **fields,
    }


def test_the_contracts_sample() -> None:
    (signal,) = captured("alertmanager", "contract")
    assert (signal.action, signal.dedup_key, signal.dedup_strategy) == ("trigger", "abc123", "fingerprint")
    assert (signal.title, signal.description) == (
        "Pod is crash looping",
        "Pod has restarted 5 times in the last 10 minutes",
    )
    assert (signal.namespace, signal.pod) == ("production", "api-server-5d4f3c2b1-xyz")
    assert (signal.resource_kind, signal.resource_name) == ("Pod", "api-server-5d4f3c2b1-xyz")
    assert (signal.signal_type, signal.severity, signal.warnings) == ("crashloop_backoff", Severity.MEDIUM, ())


def test_a_group_that_mixes_firing_and_resolved_alerts() -> None:
    resolved, firing = captured("alertmanager", "mixed")
    assert firing == Signal(
        action=SignalAction.TRIGGER,
        dedup_key="b6934e959964bb4f",
        dedup_strategy="fingerprint",
        title="Pod payments-api-7d8f9c6b5-x2k4m is crash looping",
        description="Restarted 5 times in 10 minutes",
        severity=Severity.CRITICAL,
        source="alertmanager",
        service="payments-api",
        namespace="production",
        pod="payments-api-7d8f9c6b5-x2k4m",
        deployment="payments-api",
        resource_kind="Deployment",
        resource_name="payments-api",
        signal_type="crashloop_backoff",
        labels={
            "alertname": "PodCrashLooping",
            "deployment": "payments-api",
            "namespace": "production",
            "pod": "payments-api-7d8f9c6b5-x2k4m",
            "service": "payments-api",
            "severity": "critical",
        },
        links=(
            {"href": "https://runbooks.example.com/crash", "text": "Runbook"},
            {
                "href": "http://prometheus.example.com:9090/graph?g0.expr=vector%285%29+%3E+3&g0.tab=1",
                "text": "Source",
            },
        ),
        started_at=STARTED,
        raw=firing.raw,
    )
    assert (resolved.action, resolved.dedup_key) == ("resolve", "69a20a5a1ca46a25")
    assert (resolved.started_at, resolved.occurred_at) == (STARTED, utc("2026-11-20 15:13:37.124"))


def test_each_alert_keeps_its_own_piece_with_a_little_of_its_group() -> None:
    group = orjson.loads(body("alertmanager", "mixed"))
    _, firing = captured("alertmanager", "mixed")
    assert orjson.loads(firing.raw) == {
        **group["alerts"][1],
        "receiver": "incident-platform",
        "groupKey": '{}:{service="payments-api"}',
        "externalURL": "http://alertmanager.example.com:9093",
    }


def test_firing_and_recovery_of_one_alert_have_one_key_and_one_start() -> None:
    (fired,), (recovered,) = captured("alertmanager", "firing"), captured("alertmanager", "resolved")
    assert (fired.action, recovered.action) == ("trigger", "resolve")
    assert (fired.dedup_key, fired.started_at) == (recovered.dedup_key, recovered.started_at)


def test_grafana() -> None:
    firing, resolved = captured("alertmanager", "grafana")
    assert (firing.action, resolved.action) == ("trigger", "resolve")
    assert (firing.source, firing.service, firing.signal_type) == ("grafana", "search", "memory_high")
    assert firing.started_at == utc("2026-03-19 07:51:03.157076")
    assert firing.metric == {"rule_name": "HighMemory", "actual_value": 92.4, "values": {"B": 92.4}}
    assert [link["text"] for link in firing.links] == ["Runbook", "Dashboard", "Source", "Silence"]
    assert (resolved.title, resolved.signal_type) == ("DatasourceNoData", "datasource_no_data")
    assert firing.warnings == ("3 more alerts of this group were left out by the sender (truncatedAlerts)",)


def test_a_body_that_users_replaced_is_read_as_a_generic_one() -> None:
    (signal,) = captured("alertmanager", "replaced_body")
    assert (signal.title, signal.severity, signal.dedup_strategy) == (
        "Disk almost full on db-1",
        Severity.CRITICAL,
        "content",
    )
    (signal,) = parse("alertmanager", {"title": "Two alerts", "alerts": 2})
    assert signal.title == "Two alerts"


@pytest.mark.parametrize(
    ("status", "ends_at", "action"),
    [
        ("firing", ZERO, "trigger"),
        ("firing", None, "trigger"),
        ("firing", "2026-11-20T15:13:41Z", "trigger"),
        ("firing", "2026-11-20T15:13:40Z", "trigger"),  # two clocks differ; the word is plain
        ("firing", "1970-01-01T00:00:00Z", "trigger"),
        ("resolved", ZERO, "resolve"),
        ("resolved", None, "resolve"),
        ("resolved", "2026-11-20T15:13:41Z", "resolve"),  # the sender's clock is ahead of ours
        (None, ZERO, "trigger"),
        (None, "2026-11-20T15:13:39Z", "resolve"),
    ],
)
def test_firing_or_resolved(status: str | None, ends_at: str | None, action: str) -> None:
    (signal,) = webhook(alert(status=status, endsAt=ends_at))
    assert signal.action == action


def test_the_groups_status_speaks_for_alerts_without_one_only() -> None:
    with_status, without = webhook(alert(), alert(status=None), status="resolved")
    assert (with_status.action, without.action) == ("trigger", "resolve")


def test_prometheus_puts_a_future_end_on_what_fires() -> None:
    (firing,) = captured("prometheus", "firing")
    assert firing.action == SignalAction.TRIGGER
    assert (firing.source, firing.started_at, firing.occurred_at) == ("prometheus", STARTED, None)
    (lapsed,) = captured("prometheus", "firing", NOW + timedelta(minutes=1))
    assert lapsed.action == SignalAction.RESOLVE
    (resolved,) = captured("prometheus", "resolved")
    assert (resolved.action, resolved.occurred_at) == ("resolve", utc("2026-11-20 15:13:37.124"))


def test_an_alert_without_fingerprint_is_known_by_its_labels() -> None:
    (fired,) = captured("prometheus", "firing")
    sent = orjson.loads(body("prometheus", "firing"))[0]
    reordered = {
        **sent,
        "labels": dict(reversed(sent["labels"].items())),
        "annotations": {},
        "endsAt": "2026-11-20T15:13:39Z",
    }
    (recovered,) = parse("prometheus", [reordered])
    assert fired.dedup_key == recovered.dedup_key
    (other,) = parse("prometheus", [{**sent, "labels": {**sent["labels"], "pod": "another"}}])
    assert other.dedup_key != fired.dedup_key


def test_labels_that_are_cut_for_display_still_identify_in_full() -> None:
    keys = {
        parse("prometheus", [{"labels": {"alertname": "A", "path": "x" * 2_000 + end}}])[0].dedup_key for end in "ab"
    }
    assert len(keys) == 2


def test_either_way_in_takes_either_body_and_an_empty_array_says_nothing() -> None:
    assert parse("prometheus", body("alertmanager", "mixed")) == captured("alertmanager", "mixed")
    assert parse("alertmanager", body("prometheus", "firing")) == captured("prometheus", "firing")
    assert parse("prometheus", []) == []


@pytest.mark.parametrize(
    ("annotations", "title", "description"),
    [
        ({"summary": "S", "description": "D"}, "S", "D"),
        ({"title": "T", "message": "M"}, "T", "M"),
        ({"description": "first\nsecond"}, "first", "first\nsecond"),
        ({"message": "M"}, "M", "M"),
        ({"summary": ""}, "HighLatency", ""),
        (None, "HighLatency", ""),
        (["x"], "HighLatency", ""),
    ],
)
def test_title_and_description(annotations: Any, title: str, description: str) -> None:
    (signal,) = webhook(alert(annotations=annotations))
    assert (signal.title, signal.description) == (title, description)


def test_an_alert_with_only_a_fingerprint_still_has_a_title() -> None:
    (signal,) = webhook(alert(labels=None, annotations=None))
    assert (signal.title, signal.dedup_key) == ("Alert b6934e959964bb4f", "b6934e959964bb4f")


@pytest.mark.parametrize(
    ("labels", "service"),
    [
        ({"service": "web", "app": "a", "job": "j"}, "web"),
        ({"app": "a", "job": "j"}, "a"),
        ({"app_kubernetes_io_name": "n", "job": "j"}, "n"),
        ({"job": "j"}, "j"),
        ({"exported_service": "orders", "service": "kube-state-metrics"}, "orders"),
        ({"alertname": "x"}, ""),
    ],
)
def test_service(labels: dict[str, str], service: str) -> None:
    (signal,) = webhook(alert(labels=labels))
    assert signal.service == service


@pytest.mark.parametrize(
    ("word", "severity", "shown"),
    [("critical", Severity.CRITICAL, ""), ("page", Severity.CRITICAL, ""), ("error", Severity.HIGH, ""),
     ("warning", Severity.MEDIUM, ""), ("none", Severity.INFO, ""), ("page2", Severity.MEDIUM, "page2")],
)  # fmt: skip
def test_severity(word: str, severity: Severity, shown: str) -> None:
    (signal,) = webhook(alert(labels={"alertname": "x", "severity": word}))
    assert (signal.severity, signal.severity_word) == (severity, shown)


def test_numbers_in_annotations_are_the_metric() -> None:
    (signal,) = webhook(alert(annotations={"value": "0.97", "threshold": "0.9"}))
    assert signal.metric == {"rule_name": "HighLatency", "threshold": 0.9, "actual_value": 0.97}
    (signal,) = webhook(alert(values={"A": 1, "B": "NaN", "C": None, "D": 2.5}))
    assert signal.metric == {"rule_name": "HighLatency", "values": {"A": 1, "D": 2.5}}
    (signal,) = webhook(alert(values={"A": None}, annotations={"value": "n/a"}))
    assert signal.metric == {}


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({}, "alerts"),
        ({"alerts": []}, "alerts"),
        ({"alerts": "x"}, "alerts"),
        ({"alerts": [5]}, "alerts[0]"),
        ({"alerts": [alert(), None]}, "alerts[1]"),
        ({"alerts": [alert(), {"labels": {}}]}, "alerts[1].labels"),
        ({"alerts": [{"labels": {"a": "", "b": None}}]}, "alerts[0].labels"),
        ([{"labels": "x"}], "[0].labels"),
        ([{"labels": {"a": "b"}}, []], "[1]"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(sent: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse("alertmanager", sent)
    assert refused.value.field == field


def test_a_huge_group_key_is_not_kept_with_every_alert() -> None:
    signals = webhook(*[alert()] * 3, groupKey="g" * 1_000_000)
    assert all(len(signal.raw) < 2_000 for signal in signals)
