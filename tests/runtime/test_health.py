"""Health and metrics, in each dialect's words, with and without what we lean on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from aiops import probes, process

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    probes.database.forget()
    probes.shared_cache.forget()
    yield
    probes.database.forget()
    probes.shared_cache.forget()


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """New connections go where nobody is."""
    monkeypatch.setitem(settings.DATABASES["default"], "HOST", "127.0.0.1")
    monkeypatch.setitem(settings.DATABASES["default"], "PORT", "1")


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(settings, "REDIS_URL", "redis://127.0.0.1:1/0")
    probes.redis_client.cache_clear()
    yield
    probes.redis_client.cache_clear()


@pytest.mark.parametrize("slash", ["", "/"])
def test_all_is_well(client: Client, slash: str) -> None:
    assert client.get(f"/health{slash}").json() == {
        "status": "ok",
        "version": settings.VERSION,
        "checks": {"database": "ok", "cache": "ok"},
    }
    assert client.get(f"/healthz{slash}").json()["status"] == "ok"
    assert client.get(f"/readyz{slash}").json()["status"] == "ready"
    assert client.get(f"/api/health/live{slash}").json()["status"] == "ok"
    ready = client.get(f"/api/health/ready{slash}").json()
    assert ready["status"] == "ok"
    assert ready["timestamp"].endswith("Z")
    assert ready["checks"]["postgresql"].keys() == {"status", "latencyMs"}
    assert ready["checks"]["cache"] == {"status": "ok", "latencyMs": 0.0, "details": {"provider": "memory"}}


def test_database_away(client: Client, no_database: None) -> None:
    answers = {
        path: client.get(path) for path in ("/health", "/readyz", "/api/health/ready", "/healthz", "/api/health/live")
    }
    assert {path: answer.status_code for path, answer in answers.items()} == {
        "/health": 503,
        "/readyz": 503,
        "/api/health/ready": 503,
        "/healthz": 200,
        "/api/health/live": 200,
    }
    assert answers["/readyz"].json()["status"] == "not ready: the database does not answer"
    assert answers["/health"].json()["checks"]["database"] == "the database does not answer"
    assert answers["/api/health/ready"].json()["checks"]["postgresql"]["status"] == "down"
    assert "127.0.0.1" not in "".join(answer.text for answer in answers.values())  # everybody may read this


def test_cache_away_only_degrades(client: Client, no_redis: None) -> None:
    ready = client.get("/api/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["checks"]["cache"]["details"] == {"provider": "redis"}
    assert client.get("/readyz").status_code == 200


def test_not_ready_while_stopping(client: Client) -> None:
    process.stopping.set()
    try:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "not ready: the server is stopping")
        assert client.get("/healthz").status_code == 200
    finally:
        process.stopping.clear()


def test_metrics_are_prometheus_text(client: Client) -> None:
    answer = client.get("/metrics")
    assert answer["Content-Type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    severities = {sample.labels["severity"] for sample in families["aiops_open_incidents"].samples}
    assert severities == {"critical", "high", "medium", "low", "info"}
    assert {sample.labels["queue"] for sample in families["aiops_queue_messages"].samples} == {"paging", "long"}
    assert {
        "aiops_signals",
        "aiops_ingest_seconds",
        "aiops_database_up",
        "process_resident_memory_bytes",
    } <= families.keys()


def test_metrics_leave_out_what_is_not_known(client: Client, no_database: None) -> None:
    text = client.get("/metrics").text
    assert "aiops_database_up 0.0" in text
    assert "aiops_open_incidents{" not in text


def test_only_reading(client: Client) -> None:
    assert client.post("/health").status_code == 405
    assert client.head("/health").status_code == 200
