"""Prometheus metrics of the process. All apps declare theirs here, so that names and units stand side by side."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

REGISTRY = CollectorRegistry()

SIGNALS = Counter(
    "aiops_signals_total",
    "Signals committed, by kind of source and what became of them.",
    ["source", "result"],
    registry=REGISTRY,
)
REFUSED = Counter(
    "aiops_ingest_refused_total", "Ingest requests that were not taken, by reason.", ["reason"], registry=REGISTRY
)
INGEST_SECONDS = Histogram(
    "aiops_ingest_seconds",
    "From the last byte of an ingest request to its commit.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
BATCH_SIZE = Histogram(
    "aiops_ingest_batch_signals",
    "Signals committed together.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
    registry=REGISTRY,
)
NOTIFICATIONS = Counter(
    "aiops_notifications_total",
    "Notifications by channel, purpose and what came of them: sent, retried, failed, suppressed.",
    ["channel", "purpose", "result"],
    registry=REGISTRY,
)
PAGE_SECONDS = Histogram(
    "aiops_page_seconds",
    "From an incident's opening to the hand-off of a page of its first round.",
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600),
    registry=REGISTRY,
)
