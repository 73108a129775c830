"""The subject of a signal: service, namespace, pod, deployment, resource, and the signal type that an alert's name
stands for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from incidents.ingest.sources.reading import KIND, KUBERNETES_NAME, NAME, NAMED_LINKS, Fields, line

# Signal types, each with the alert names (without case and punctuation) that mean it; kube-prometheus puts "Kube" before most.
ALERT_NAMES: dict[str, tuple[str, ...]] = {
    "error_rate": ("higherrorrate", "apierrorrate", "apiserverhigherrorrate"),
    "latency": ("highlatency", "latencyhigh", "apilatencyhigh"),
    "pod_restart": ("highrestartcount", "podrestart", "podrestarting", "podfrequentlyrestarting"),
    "cpu_high": ("cpuhigh", "highcpu", "highcpuusage", "cputhrottlinghigh", "hosthighcpuload"),
    "memory_high": ("memoryhigh", "highmemory", "memorypressure", "highmemoryusage", "hostoutofmemory"),
    "oom_kill": ("oomkilled", "oomkill", "containeroomkilled", "podoomkilled", "hostoomkilldetected"),
    "pod_not_ready": ("podnotready",),
    "deploy_failing": ("deploymentfailing", "deployfailing", "deploymentreplicasmismatch", "deploymentrolloutstuck"),
    "disk_pressure": ("diskpressure", "nodediskpressure", "hostoutofdiskspace", "nodefilesystemalmostoutofspace",
                      "nodefilesystemspacefillingup"),
    "node_not_ready": ("nodenotready", "nodeunschedulable", "nodeunreachable"),
    "pid_pressure": ("pidpressure", "nodepidpressure"),
    "network_unavailable": ("networkunavailable", "nodenetworkunavailable"),
    "pod_capacity_high": ("podcapacityhigh", "kubelettoomanypods"),
    "pvc_pending": ("pvcpending", "persistentvolumeclaimpending"),
    "ingress_error": ("ingresserror", "ingresserrors"),
    "hpa_maxed": ("hpamaxedout", "hpamaxed"),
    "job_failed": ("jobfailed",),
    "cronjob_missed": ("cronjobmissed",),
    "certificate_expiring": ("certificateexpiring", "certificateexpiringsoon", "certmanagercertexpirysoon"),
    "image_pull_error": ("imagepullbackoff", "errimagepull", "imagepullerror"),
    "crashloop_backoff": ("crashloopbackoff", "podcrashlooping", "podcrashloopbackoff"),
    "helm_release_failed": ("helmreleasefailed",),
    "argocd_degraded": ("argocddegraded", "argocdappdegraded"),
    "config_drift": ("configdrift",),
    "slo_violation": ("sloviolation",),
}  # fmt: skip
_SIGNAL_TYPES = {
    name: signal_type for signal_type, names in ALERT_NAMES.items() for name in (signal_type.replace("_", ""), *names)
}

SERVICE_NAMES = ("service", "service_name", "serviceName", "app", "application")
NODE_SIGNALS = frozenset(
    ("disk_pressure", "node_not_ready", "pid_pressure", "network_unavailable", "pod_capacity_high")
)
JOB_SIGNALS = frozenset(("job_failed", "cronjob_missed"))

_KINDS = (
    "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Node", "Pod", "Service", "Ingress",
    "Namespace", "PersistentVolumeClaim", "HorizontalPodAutoscaler", "Certificate", "Host", "Instance",
)  # fmt: skip
# In lower case, with kubectl's short names → as Kubernetes writes it.
KINDS: dict[str, str] = {
    **{kind.lower(): kind for kind in _KINDS},
    "deploy": "Deployment",
    "sts": "StatefulSet",
    "ds": "DaemonSet",
    "pvc": "PersistentVolumeClaim",
    "hpa": "HorizontalPodAutoscaler",
}

# Names that say what is affected and of which kind, the controller before its pod before the machine.
_RESOURCES = (
    ("deployment", "Deployment"), ("deployment_name", "Deployment"), ("statefulset", "StatefulSet"), ("daemonset", "DaemonSet"),
    ("cronjob", "CronJob"), ("job_name", "Job"), ("horizontalpodautoscaler", "HorizontalPodAutoscaler"),
    ("persistentvolumeclaim", "PersistentVolumeClaim"), ("ingress", "Ingress"), ("exported_pod", "Pod"), ("pod", "Pod"),
    ("pod_name", "Pod"), ("node", "Node"), ("host", "Host"), ("hostname", "Host"), ("instance", "Instance"),
)  # fmt: skip
_NODE_RESOURCES = (("node", "Node"), ("instance", "Node"), ("host", "Node"), ("hostname", "Node"))
_JOB_RESOURCES = (("cronjob", "CronJob"), ("job_name", "Job"), ("job", "Job"))

# What a label or detail of these names decides: the service, where it is, how bad, what it is called, where to read on.
DECIDING = frozenset(
    (
        "alertname", "alert_name", "alertName", "severity", "level", "priority", "exported_namespace", "namespace",
        "exported_service", *SERVICE_NAMES, "app_kubernetes_io_name", "job", *(name for name, _ in _RESOURCES),
        *(name for name, _ in NAMED_LINKS), "resource", "threshold", "value", "component", "group", "class",
    )
)  # fmt: skip

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD = re.compile(r"[\W_]+")


class Subject(NamedTuple):
    """What a signal is about; "" for what is not told."""

    service: str
    namespace: str
    pod: str
    deployment: str
    resource_kind: str
    resource_name: str


@lru_cache(maxsize=4096)
def signal_type(alert_name: str) -> str:
    """The signal type of an alert's name (``KubePodCrashLooping`` → ``crashloop_backoff``); an unknown one in lower_snake."""
    return known_signal_type(alert_name) or _NO_WORD.sub("_", _HUMP.sub("_", alert_name)).strip("_").lower()[:KIND]


@lru_cache(maxsize=4096)
def known_signal_type(alert_name: str) -> str:
    """As :func:`signal_type`, but "" for a name that the table lacks."""
    bare = _NO_WORD.sub("", alert_name).lower()
    return _SIGNAL_TYPES.get(bare) or _SIGNAL_TYPES.get(bare.removeprefix("kube")) or ""


def of_fields(fields: Fields, signal: str, *, service_names: tuple[str, ...] = SERVICE_NAMES) -> Subject:
    """Read the subject of a flat object of well-known names (a generic body, labels of an alert)."""
    namespace = fields.line("exported_namespace", "namespace", limit=KUBERNETES_NAME)
    pod = fields.line("exported_pod", "pod", "pod_name", limit=KUBERNETES_NAME)
    deployment = fields.line("deployment", "deployment_name", limit=KUBERNETES_NAME)
    kind, name, resource_namespace = _named_resource(fields)
    if not name:
        kind, name = _inferred_resource(fields, signal)
    return Subject(
        fields.line(*service_names, limit=NAME), namespace or resource_namespace, pod, deployment, kind, name
    )


def _named_resource(fields: Fields) -> tuple[str, str, str]:
    """Kind, name and namespace of an explicit ``resource``: "Kind/name" or an object."""
    data = fields.data
    value = data.get("resource") or data.get("resourceRef") or data.get("object")
    if isinstance(value, Mapping):
        named = Fields(value, f"{fields.path}resource.", fields.warnings)
        kind = named.line("kind", limit=KIND)
        return (
            KINDS.get(kind.lower(), kind),
            named.line("name", limit=KUBERNETES_NAME),
            named.line("namespace", limit=KUBERNETES_NAME),
        )
    if isinstance(value, str):
        return *resource(value), ""
    return "", "", ""


def resource(value: str) -> tuple[str, str]:
    """Kind and name of "Kind/name"; a text that starts with no kind is a name."""
    kind, slash, name = value.strip().partition("/")
    known = KINDS.get(kind.lower(), kind if kind.isalpha() and kind[0].isupper() else "")
    if slash and known and name.strip():
        return line(known, KIND), line(name, KUBERNETES_NAME)
    return "", line(value, KUBERNETES_NAME)


def _inferred_resource(fields: Fields, signal: str) -> tuple[str, str]:
    candidates: tuple[tuple[str, str], ...] = _RESOURCES
    if signal in NODE_SIGNALS:
        candidates = _NODE_RESOURCES + _RESOURCES
    elif signal in JOB_SIGNALS:
        candidates = _JOB_RESOURCES + _RESOURCES
    data = fields.data
    for field, kind in candidates:
        if field in data and (name := fields.line(field, limit=KUBERNETES_NAME)):
            return kind, name
    return "", ""


_ACTUAL = ("actual_value", "actualValue", "current_value", "value")
_MEASURED = frozenset(("threshold", *_ACTUAL))


def metric(fields: Fields, *, rule_name: str = "") -> dict[str, Any]:
    """What a metric alert measured: what is told of rule_id, rule_name, metric, threshold, actual_value; {} without a number."""
    if _MEASURED.isdisjoint(fields.data):
        return {}
    threshold = fields.number("threshold")
    actual = fields.number(*_ACTUAL)
    if threshold is None and actual is None:
        return {}
    found = {
        "rule_id": fields.line("rule_id", "ruleId"),
        "rule_name": fields.line("rule_name", "ruleName") or rule_name,
        "metric": fields.line("metric", "metric_name"),
        "threshold": threshold,
        "actual_value": actual,
    }
    return {name: value for name, value in found.items() if value not in (None, "")}
