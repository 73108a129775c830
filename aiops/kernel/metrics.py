"""The Prometheus registry of the process. Each app declares its own metrics in it (``incidents.metrics``, for one)."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

REGISTRY = CollectorRegistry()
