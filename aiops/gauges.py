"""Prometheus gauges that are measured when Prometheus asks: open incidents, age of the paging sweep, length of the
queues.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.cache import cache
from kombu.exceptions import KombuError, OperationalError
from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from aiops import probes, process
from aiops.access.actors import SYSTEM
from aiops.celery import app
from aiops.kernel.clock import utcnow
from aiops.kernel.metrics import REGISTRY
from aiops.kernel.outbox.duty import QUEUES
from incidents.core.counting import figures
from incidents.tasks import SWEEP_MARK
from notifications.escalation.selectors import overdue
from notifications.tasks import SWEEP_MARK as PAGING_MARK
from notifications.watch.services import auditor, proof


class Gauges(Collector):
    """Left out when what they come from is away: an absent number is better than a wrong one, and never slow."""

    def collect(self) -> Iterator[Metric]:
        database = probes.database()
        cached = probes.shared_cache()
        yield GaugeMetricFamily("aiops_database_up", "Whether PostgreSQL answers.", value=float(database.ok))
        yield GaugeMetricFamily("aiops_uptime_seconds", "Since this process began.", value=process.uptime())
        yield InfoMetricFamily("aiops", "The version that runs.", {"version": settings.VERSION})
        if database.ok:
            yield _open_incidents()
            yield from _paging()
        if cached.ok:
            yield from _sweep_lag()
            yield from _audit()
            yield from _queues()


def _open_incidents() -> Metric:
    metric = GaugeMetricFamily(
        "aiops_open_incidents", "Incidents that are not resolved, by severity.", labels=["severity"]
    )
    for severity, count in figures(SYSTEM, utcnow()).by_severity.items():
        metric.add_metric([severity.word], count)
    return metric


def _sweep_lag() -> Iterator[Metric]:
    for mark, name, what in (
        (SWEEP_MARK, "aiops_sweep_lag_seconds", "Since the last sweep of the timers ended."),
        (PAGING_MARK, "aiops_paging_sweep_lag_seconds", "Since the last sweep of escalations and deliveries ended."),
    ):
        ended = cache.get(mark)
        if ended is not None:
            yield GaugeMetricFamily(name, what, value=max(0.0, utcnow().timestamp() - ended))


def _paging() -> Iterator[Metric]:
    now = utcnow()
    metric = GaugeMetricFamily(
        "aiops_oldest_due_seconds", "How long the oldest row that is due has waited, by kind of row.", labels=["rows"]
    )
    for rows, age in overdue.oldest(now).items():
        metric.add_metric([rows], age.total_seconds())
    yield metric
    if (proven := proof.latest()) is not None:
        since = max(0.0, (now - proven).total_seconds())
        yield GaugeMetricFamily("aiops_proof_age_seconds", "Since a page was last proven to get through.", value=since)


def _audit() -> Iterator[Metric]:
    audited = auditor.last_audit()
    if audited is not None:
        at, violations = audited
        yield GaugeMetricFamily(
            "aiops_audit_violations", "Incidents that paging lost sight of, at the last audit.", value=violations
        )
        lag = max(0.0, (utcnow() - at).total_seconds())
        yield GaugeMetricFamily("aiops_audit_lag_seconds", "Since the last audit of paging.", value=lag)


def _queues() -> Iterator[Metric]:
    metric = GaugeMetricFamily(
        "aiops_queue_messages", "Tasks that no worker has taken yet, by queue.", labels=["queue"]
    )
    try:
        with app.connection_for_read() as connection:
            for queue in QUEUES:
                channel: Any = connection.default_channel
                metric.add_metric([queue], channel.queue_declare(queue).message_count)
    except (KombuError, OperationalError, OSError):
        return
    yield metric


_asked = CollectorRegistry()
_asked.register(Gauges())
ProcessCollector(registry=_asked)
GCCollector(registry=_asked)


def exposition() -> bytes:
    """All metrics of this process in Prometheus' text format."""
    return generate_latest(REGISTRY) + generate_latest(_asked)
