"""Severity and action words, signal types, resources."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from incidents.choices import Severity, SignalAction
from incidents.ingest.sources import actions, severity, subject
from incidents.ingest.sources.reading import Fields


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("critical", Severity.CRITICAL), ("high", Severity.HIGH), ("medium", Severity.MEDIUM), ("low", Severity.LOW),
        ("info", Severity.INFO), ("error", Severity.HIGH), ("warning", Severity.MEDIUM), ("CRITICAL", Severity.CRITICAL),
        (" Page ", Severity.CRITICAL), ("warn", Severity.MEDIUM), ("P1", Severity.CRITICAL), ("p-2", Severity.HIGH),
        ("SEV 3", Severity.MEDIUM), ("sev_4", Severity.LOW), ("emergency", Severity.CRITICAL), ("fatal", Severity.CRITICAL),
        ("major", Severity.HIGH), ("minor", Severity.MEDIUM), ("informational", Severity.INFO), ("debug", Severity.INFO),
        ("none", Severity.INFO),
    ],
)  # fmt: skip
def test_severity_words(word: str, expected: Severity) -> None:
    assert severity.read([word]) == (expected, "", "")


def test_every_severity_reads_its_own_word() -> None:
    assert all(severity.WORDS[one.word] == one for one in Severity)


def test_absent_is_medium_and_unknown_is_medium_and_shown() -> None:
    assert severity.read([None, ""]) == severity.read([]) == (Severity.MEDIUM, "", "")
    assert severity.read(["page2"]) == (Severity.MEDIUM, "page2", "severity “page2” coerced to medium")
    assert severity.read([5]) == (Severity.MEDIUM, "5", "severity “5” coerced to medium")
    assert severity.read([["a"]]).word == '["a"]'
    assert len(severity.read(["x" * 999]).word) == 64


def test_a_known_word_under_a_lesser_name_beats_an_unknown_one() -> None:
    assert severity.read(["tier-one", None, "P2"]) == (Severity.HIGH, "", "")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("triggered", SignalAction.TRIGGER), ("FIRING", SignalAction.TRIGGER), ("alerting", SignalAction.TRIGGER),
        ("problem", SignalAction.TRIGGER), ("No Data", SignalAction.TRIGGER), ("Re-Triggered", SignalAction.TRIGGER),
        ("critical", SignalAction.TRIGGER), ("open", SignalAction.TRIGGER), ("unresolved", SignalAction.TRIGGER),
        ("resolve", SignalAction.RESOLVE), ("Resolved", SignalAction.RESOLVE), ("OK", SignalAction.RESOLVE),
        ("normal", SignalAction.RESOLVE), ("CLOSED", SignalAction.RESOLVE), ("fixed", SignalAction.RESOLVE),
        ("Recovered", SignalAction.RESOLVE), (" up ", SignalAction.RESOLVE),
        ("\u00a0ok\u200b", SignalAction.RESOLVE), ("unacknowledged", SignalAction.UNACKNOWLEDGE),
        ("Un-Acknowledged", SignalAction.UNACKNOWLEDGE),
        ("ack", SignalAction.ACKNOWLEDGE), ("Acknowledged", SignalAction.ACKNOWLEDGE),
    ],
)  # fmt: skip
def test_action_words(word: str, expected: SignalAction) -> None:
    assert actions.read([word]) == (expected, "")


@pytest.mark.parametrize(
    "word",
    ["upstream_down", "backup_failed", "update", "back_up", "back-up", "u p", "not ok", "not resolved", "ok?", "o-k",
     "un-resolved", "closed_loop_open", "lookup", "incident.resolved", 0, 200, True, False, ["resolved"], {"status": "ok"},
     "ok" * 100],
)  # fmt: skip
def test_only_whole_words_resolve_and_anything_else_is_a_trigger_that_says_so(word: object) -> None:
    action, warning = actions.read([word])
    assert action == SignalAction.TRIGGER
    assert "read as a trigger" in warning


def test_no_word_at_all_is_a_plain_trigger_and_the_first_known_word_decides() -> None:
    assert actions.read([None, ""]) == (SignalAction.TRIGGER, "")
    assert actions.read(["updated", "resolved"]) == (SignalAction.RESOLVE, "")
    assert actions.read(["trigger", "ok"]) == (SignalAction.TRIGGER, "")


def test_no_word_means_two_actions() -> None:
    assert len(actions.WORDS) == sum(
        map(len, (actions.TRIGGER, actions.ACKNOWLEDGE, actions.UNACKNOWLEDGE, actions.RESOLVE))
    )


SIGNAL_TYPES = [
    "error_rate",
    "latency",
    "pod_restart",
    "cpu_high",
    "memory_high",
    "oom_kill",
    "pod_not_ready",
    "deploy_failing",
    "disk_pressure",
    "node_not_ready",
    "pid_pressure",
    "network_unavailable",
    "pod_capacity_high",
    "pvc_pending",
    "ingress_error",
    "hpa_maxed",
    "job_failed",
    "cronjob_missed",
    "certificate_expiring",
    "image_pull_error",
    "crashloop_backoff",
    "helm_release_failed",
    "argocd_degraded",
    "config_drift",
    "slo_violation",
]


def test_the_table_has_every_signal_type_and_each_is_its_own_name() -> None:
    assert list(subject.ALERT_NAMES) == SIGNAL_TYPES
    assert [subject.known_signal_type(name) for name in SIGNAL_TYPES] == SIGNAL_TYPES


@pytest.mark.parametrize(
    ("alert_name", "expected"),
    [
        ("HighRestartCount", "pod_restart"), ("OOMKilled", "oom_kill"), ("PodNotReady", "pod_not_ready"),
        ("CrashLoopBackOff", "crashloop_backoff"), ("ErrImagePull", "image_pull_error"),
        ("ImagePullBackOff", "image_pull_error"), ("DeploymentFailing", "deploy_failing"), ("CPUHigh", "cpu_high"),
        ("HighCPU", "cpu_high"), ("MemoryPressure", "memory_high"), ("NodeUnschedulable", "node_not_ready"),
        ("HighErrorRate", "error_rate"), ("ErrorRate", "error_rate"), ("HighLatency", "latency"),
        ("PVCPending", "pvc_pending"), ("HPAMaxedOut", "hpa_maxed"), ("HPAMaxed", "hpa_maxed"),
        ("ArgoCDDegraded", "argocd_degraded"), ("KubePodCrashLooping", "crashloop_backoff"),
        ("KubeNodeNotReady", "node_not_ready"), ("oom-killed", "oom_kill"), ("TargetDown", "target_down"),
        ("KubeAPIErrorBudgetBurn", "kube_api_error_budget_burn"), ("Disk will fill in 4h!", "disk_will_fill_in_4h"),
        ("磁盘", "磁盘"), ("!!!", ""), ("x" * 300, "x" * 100),
    ],
)  # fmt: skip
def test_signal_types_of_alert_names(alert_name: str, expected: str) -> None:
    assert subject.signal_type(alert_name) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Deployment/payment-service", ("Deployment", "payment-service")),
        ("deploy/payment-service", ("Deployment", "payment-service")),
        ("Rollout/web", ("Rollout", "web")),
        ("prod/web", ("", "prod/web")),
        ("https://web.example.com/x", ("", "https://web.example.com/x")),
        ("db-1", ("", "db-1")),
        ("Pod/", ("", "Pod/")),
        ("/", ("", "/")),
        ("", ("", "")),
    ],
)
def test_resources(said: str, expected: tuple[str, str]) -> None:
    assert subject.resource(said) == expected


@pytest.mark.parametrize(
    ("labels", "signal", "expected"),
    [
        ({"deployment": "web", "pod": "web-1"}, "", ("Deployment", "web")),
        ({"pod": "web-1", "node": "n1"}, "", ("Pod", "web-1")),
        ({"pod_name": "web-1"}, "", ("Pod", "web-1")),
        ({"statefulset": "db", "pod": "db-0"}, "", ("StatefulSet", "db")),
        ({"node": "n1", "pod": "exporter-x"}, "node_not_ready", ("Node", "n1")),
        ({"instance": "n1:9100", "job": "node"}, "disk_pressure", ("Node", "n1:9100")),
        ({"instance": "n1:9100", "job": "node"}, "target_down", ("Instance", "n1:9100")),
        ({"job_name": "backup-1", "job": "kube-state-metrics"}, "job_failed", ("Job", "backup-1")),
        ({"exported_pod": "web-1", "pod": "kube-state-metrics-0"}, "", ("Pod", "web-1")),
        ({"job": "node"}, "", ("", "")),
        ({"resource": {"kind": "deployment", "name": "web", "namespace": "prod"}}, "", ("Deployment", "web")),
        ({"resource": ["x"], "pod": "web-1"}, "", ("Pod", "web-1")),
    ],
)
def test_what_is_affected(labels: dict[str, object], signal: str, expected: tuple[str, str]) -> None:
    about = subject.of_fields(Fields(labels), signal)
    assert (about.resource_kind, about.resource_name) == expected


def test_namespace_comes_from_the_object_when_nothing_else_tells_it() -> None:
    resource = {"kind": "Deployment", "name": "web", "namespace": "prod"}
    assert subject.of_fields(Fields({"resource": resource}), "").namespace == "prod"
    assert subject.of_fields(Fields({"resource": resource, "namespace": "test"}), "").namespace == "test"


def test_the_page_for_users_has_every_severity_word_and_signal_type() -> None:
    page = (Path(__file__).parents[2] / "docs" / "sources.md").read_text()
    for one in Severity:
        (row,) = re.findall(rf"^\| {one.word} \| (.+) \|$", page, re.MULTILINE)
        listed = {word for word in re.split(r"[,;] ", row) if word != "absent"}
        assert listed == {word for word, means in severity.WORDS.items() if means == one}
    assert all(re.search(rf"\b{name}\b", page) for name in SIGNAL_TYPES)
