"""Messages and the guarded client that the senders use, let through to loopback."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from pytest_django import Settings

from aiops.kernel import http as outbound


@pytest.fixture(scope="session")
def _client() -> Iterator[httpx.Client]:
    with outbound.client() as client:
        yield client


@pytest.fixture
def http(settings: Settings, _client: httpx.Client) -> httpx.Client:
    """The client as the workers make it; one for all tests, as for all messages."""
    settings.AIOPS_OUTBOUND_ALLOW = ["127.0.0.1"]
    return _client
