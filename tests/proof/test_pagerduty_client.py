"""PagerDuty's own Python client, pointed at us by its base URL."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from pagerduty import EventsApiV2Client

from tests.proof.harness import caller
from tests.proof.tls import tls_in_front_of
from tests.runtime.installation import Installation

pytestmark = pytest.mark.proof

TITLE = "The disk of db-1 is full"


@pytest.fixture
def pagerduty(platform: Installation, tmp_path: Path) -> Iterator[EventsApiV2Client]:
    """The client, with the routing key that the start printed; it speaks TLS only."""
    with tls_in_front_of(int(platform.url.rpartition(":")[2]), tmp_path) as (url, certificate):
        trusting = ssl.create_default_context(cafile=certificate)
        with EventsApiV2Client(platform.said(r"routing key: (\w+)"), base_url=url, verify=trusting) as client:
            client.max_http_attempts = 1
            yield client


def test_it_triggers_acknowledges_and_resolves(platform: Installation, pagerduty: EventsApiV2Client) -> None:
    full = partial(pagerduty.trigger, TITLE, source="db-1", severity="critical", custom_details={"free": 0})
    with caller(platform) as us:
        key = full()
        assert states(us) == ["open"]

        assert full(dedup_key=key) == key
        assert states(us) == ["open"]

        assert pagerduty.acknowledge(key) == key
        assert states(us) == ["acknowledged"]

        assert pagerduty.resolve(key) == key
        assert states(us) == ["resolved"]

        full(dedup_key=key)
        assert states(us) == ["open", "resolved"]


def states(us: httpx.Client) -> list[str]:
    found = us.get("/incidents", params={"limit": 100}).raise_for_status().json()["incidents"]
    return [incident["state"] for incident in found if incident["title"] == TITLE]
