"""What is measured only when Prometheus asks: how much is open, how long the sweep has been away, what waits in the queues."""

from __future__ import annotations

import time
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
from aiops.celery import QUEUES, app
from aiops.kernel.clock import utcnow
from aiops.kernel.metrics import REGISTRY
from incidents.counting import figures
from incidents.tasks import SWEEP_MARK


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
        if cached.ok:
            yield from _sweep_lag()
            yield from _queues()


def _open_incidents() -> Metric:
    metric = GaugeMetricFamily(
        "aiops_open_incidents", "Incidents that are not resolved, by severity.", labels=["severity"]
    )
    for severity, count in figures(SYSTEM, utcnow()).by_severity.items():
        metric.add_metric([severity.word], count)
    return metric


def _sweep_lag() -> Iterator[Metric]:
    ended = cache.get(SWEEP_MARK)
    if ended is not None:
        lag = max(0.0, time.time() - ended)
        yield GaugeMetricFamily("aiops_sweep_lag_seconds", "Since the last sweep of the timers ended.", value=lag)


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
