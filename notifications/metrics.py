"""Metrics of paging: notifications and the time to the first page."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from aiops.kernel.metrics import REGISTRY

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
