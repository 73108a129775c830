"""Debian's Prometheus and Alertmanager fire at us in all three ways that they know, recover, and fire again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.proof.harness import OPERATOR_KEY, caller, eventually
from tests.proof.monitoring import Monitoring, monitoring
from tests.runtime.installation import Installation

pytestmark = pytest.mark.proof

# The three ways, each with a dedup key of its own: Prometheus to our /api/v2/alerts, Alertmanager's webhook, and its PagerDuty
# notifier. By what stands as the incident's source.
EACH_WAY = ["prometheus", "alertmanager", "Alertmanager"]


@pytest.fixture
def watching(platform: Installation, folder: Path) -> Iterator[Monitoring]:
    routing_key = platform.said(r"routing key: (\w+)")
    with monitoring(platform, OPERATOR_KEY, routing_key, folder / "monitoring") as chain:
        yield chain


def ours(client: httpx.Client) -> Counter[tuple[str, str]]:
    """How many incidents there are of the alert, by source and state."""
    found = client.get("/incidents", params={"limit": 100}).raise_for_status().json()["incidents"]
    about = [incident for incident in found if re.search("CheckoutDown|Nobody can pay", incident["title"])]
    return Counter((incident["source"], incident["state"]) for incident in about)


def each(*states: str) -> Counter[tuple[str, str]]:
    return Counter((way, state) for way in EACH_WAY for state in states)


def repeats(us: httpx.Client, result: str) -> float:
    """How often Prometheus told us what we knew already."""
    told = re.search(rf'aiops_signals_total{{result="{result}",source="prometheus"}} (\S+)', us.get("/metrics").text)
    return float(told[1]) if told else 0.0


def test_an_alert_comes_in_three_ways_recovers_and_comes_back(platform: Installation, watching: Monitoring) -> None:
    with caller(platform) as us:
        watching.exporter.failures = 7
        eventually("an incident by each way", lambda: ours(us) == each("open"), pause=0.1)

        watching.exporter.failures = 0
        eventually("the recovery resolves all three", lambda: ours(us) == each("resolved"), pause=0.1)

        # Prometheus repeats a recovery for 15 minutes: that changes nothing, also once the alert is back.
        eventually("a repeated recovery", lambda: repeats(us, "ignored") >= 1, pause=0.1)
        watching.exporter.failures = 3
        eventually("three new incidents", lambda: ours(us) == each("open", "resolved"), pause=0.1)
        eventually("a repeated alert", lambda: repeats(us, "repeated") >= 1, pause=0.1)
        assert ours(us) == each("open", "resolved")

        watching.exporter.failures = 0
        eventually("all six resolved", lambda: ours(us) == each("resolved") + each("resolved"), pause=0.1)

    nobody_had_to_try_twice(watching)


def nobody_had_to_try_twice(watching: Monitoring) -> None:
    """Neither sender's log nor its metrics know of a failure or a second attempt."""
    alertmanager, prometheus = watching.alertmanager, watching.prometheus
    for integration in ("webhook", "pagerduty"):
        labels = f'{{integration="{integration}"}}'
        sent = alertmanager.metric("alertmanager_notifications_total")[labels]
        assert sent == 4
        assert alertmanager.metric("alertmanager_notification_requests_total")[labels] == sent
        assert alertmanager.metric("alertmanager_notifications_failed_total")[labels] == 0
        assert alertmanager.metric("alertmanager_notification_requests_failed_total")[labels] == 0
    assert set(prometheus.metric("prometheus_notifications_errors_total").values()) == {0}
    assert prometheus.metric("prometheus_notifications_dropped_total") == {"": 0}
    assert alertmanager.complaints() == []
    assert prometheus.complaints() == []
