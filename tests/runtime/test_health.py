"""Health and metrics, in each dialect's words, with and without what we lean on."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from aiops import probes, process
from aiops.access.models import Workspace
from aiops.kernel.clock import utcnow
from notifications.models import PagingProof
from notifications.watch.services import clock_rollback

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _asked_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each probe asks for itself, in a process that has just begun: one that runs for longer has to have paging proven."""
    monkeypatch.setattr(process, "STARTED", time.monotonic())
    every = (probes.database, probes.shared_cache, probes.connections, probes.paging)
    for probe in every:
        probe.forget()
    yield
    for probe in every:
        probe.forget()


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
        "checks": {"database": "ok", "connections": "ok", "paging": "ok", "cache": "ok", "disk": "ok"},
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


@pytest.mark.parametrize("path", ["/health", "/readyz", "/api/health/ready"])
def test_while_the_database_is_away_nobody_waits_for_its_connections(
    client: Client, no_database: None, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    def hangs() -> None:
        raise AssertionError("a connection that is there already was asked, and would not answer")

    monkeypatch.setattr(probes, "connections", probes.Probe("no database connection is free", hangs))
    answer = client.get(path)
    assert answer.status_code == 503
    assert "the database does not answer" in answer.content.decode()


def test_cache_away_only_degrades(client: Client, no_redis: None) -> None:
    ready = client.get("/api/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["checks"]["cache"]["details"] == {"provider": "redis"}
    assert client.get("/readyz").status_code == 200


@pytest.fixture
def long_running(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has been up for a day."""
    monkeypatch.setattr(process, "STARTED", process.STARTED - 24 * 3600)


def looked(ago: timedelta) -> None:
    """Somebody looked for due pages so long ago."""
    clock_rollback.look()
    clock_rollback.look()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE notifications_sweepclock SET seen_at = clock_timestamp() - %s", [ago])


def proven(workspace: Workspace, ago: timedelta) -> None:
    """A test page got through so long ago."""
    at = utcnow() - ago
    PagingProof.objects.create(workspace=workspace, started_at=at, proved_at=at)


MINUTES = settings.AIOPS_PROOF_MINUTES


@pytest.mark.parametrize(
    ("sweep", "proof", "cause"),
    [
        (timedelta(seconds=5), timedelta(minutes=1), ""),
        (timedelta(seconds=50), timedelta(minutes=3 * MINUTES - 1), ""),
        (timedelta(seconds=70), timedelta(minutes=1), "nobody has looked for due pages for 70 s"),
        (timedelta(seconds=5), timedelta(minutes=3 * MINUTES + 1), "no test page has arrived for 16 min"),
        (timedelta(seconds=5), None, "no test page has arrived yet"),
    ],
)
def test_paging_that_stands_still_is_told(
    client: Client, workspace: Workspace, long_running: None, sweep: timedelta, proof: timedelta | None, cause: str
) -> None:
    looked(sweep)
    if proof is not None:
        proven(workspace, proof)
    health, ready = client.get("/health"), client.get("/readyz")
    assert (health.status_code, health.json()["status"]) == (200, "degraded" if cause else "ok")
    assert health.json()["checks"]["paging"] == (cause or "ok")
    assert ready.status_code == (503 if cause else 200)
    assert ready.json()["status"] == (f"not ready: paging is late: {cause}" if cause else "ready")
    assert client.get("/healthz").status_code == 200
    assert probes.paging().words(utcnow()) == (
        f"Paging is late: {cause}" if cause else f"Paging proven {proof.seconds // 60} min ago"  # type: ignore[union-attr]
    )


def test_a_start_is_given_time_to_prove_its_paging(client: Client) -> None:
    assert client.get("/readyz").status_code == 200
    assert probes.paging().words(utcnow()) == "Paging is not proven yet"


def test_a_failed_test_page_degrades_and_turns_no_request_away(
    client: Client, workspace: Workspace, long_running: None
) -> None:
    looked(timedelta(seconds=1))
    proven(workspace, timedelta(minutes=5))
    PagingProof.objects.create(workspace=workspace, started_at=utcnow(), failed_at=utcnow())
    assert client.get("/health").json()["checks"]["paging"] == "the last test page did not arrive"
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("free", "cause", "status"),
    [(10**9, "ok", 200), (10**8, "the disk is nearly full", 200), (10**6, "the disk is full", 503)],
)
def test_disk_of_the_private_database(
    client: Client, monkeypatch: pytest.MonkeyPatch, free: int, cause: str, status: int
) -> None:
    monkeypatch.setattr(settings, "EMBEDDED", True)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    assert client.get("/health").json()["checks"]["disk"] == cause
    assert client.get("/readyz").status_code == status


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
