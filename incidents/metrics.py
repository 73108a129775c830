"""Metrics of ingest: signals, refusals, latency and batch sizes."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from aiops.kernel.metrics import REGISTRY

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
