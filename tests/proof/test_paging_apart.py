"""Paging has its own way: whatever holds the web process and long work up, another workspace's critical incident is paged."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.proof.harness import SIGN_IN, embedded, eventually
from tests.proof.paging import about, set_up
from tests.proof.production import session_cookie
from tests.receivers import Receivers
from tests.runtime.installation import Installation
from tests.runtime.pace import at_usual_pace

pytestmark = [pytest.mark.proof, pytest.mark.timeout(240)]

PROMISED = 2.0  # seconds from the alert to the page
PAGES = 24  # of the console that hang, and hold what they borrowed


@pytest.fixture(scope="module")
def busy(folder: Path) -> Iterator[Installation]:
    """An installation with few connections for each process."""
    environment = {**SIGN_IN, "AIOPS_OUTBOUND_ALLOW": "127.0.0.1", "AIOPS_DB_POOL": "6"}
    with embedded("busy", folder / "busy", **environment) as installation:
        yield installation


def paged_in_time(busy: Installation, receivers: Receivers, title: str) -> None:
    """*title* is sent, and its page arrives within the promise (longer on a machine that is slow at this moment)."""
    limit = at_usual_pace(PROMISED)
    began = time.monotonic()
    assert busy.post("/webhook", json={"title": title, "severity": "critical"}).status_code == 200
    eventually(f"{title} is paged", lambda: about(receivers.webhook, title), 30)
    assert time.monotonic() - began < limit


def test_all_connections_of_the_web_process_are_held(busy: Installation, receivers: Receivers) -> None:
    """As by uploads that take for ever: the console stands still, health says so, and paging goes on."""
    set_up(receivers, busy.data, busy.environment)
    paged_in_time(busy, receivers, "Before")
    cookie = session_cookie(busy)

    def hang() -> None:
        with httpx.Client(timeout=60) as client:
            client.get(f"{busy.url}/console/incidents", headers={"Cookie": cookie})

    with busy.database() as blocker:
        blocker.execute("BEGIN; LOCK TABLE django_session IN ACCESS EXCLUSIVE MODE")
        pages = [threading.Thread(target=hang, daemon=True) for _ in range(PAGES)]
        for page in pages:
            page.start()
        eventually("the pool is empty", lambda: "free" in busy.get("/health").json()["checks"]["connections"], 30)
        assert busy.get("/health").json()["status"] == "degraded"
        refusal = busy.get("/readyz")
        assert (refusal.status_code, refusal.json()["status"]) == (503, "not ready: no database connection is free")
        assert busy.get("/healthz").status_code == 200
        for n in range(3):
            paged_in_time(busy, receivers, f"While all is held {n}")
        blocker.execute("ROLLBACK")
    for page in pages:
        page.join(60)
    eventually("it is ready again", lambda: busy.get("/readyz").status_code == 200, 30)


def test_all_processes_of_long_work_are_held(busy: Installation, receivers: Receivers) -> None:
    """As by imports that take for ever."""
    set_up(receivers, busy.data, busy.environment)
    long = psutil.Process(busy.pid_of("worker long"))
    held = [long, *long.children()]
    for process in held:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        paged_in_time(busy, receivers, "While long work stands still")
    finally:
        for process in held:
            os.kill(process.pid, signal.SIGCONT)


def test_a_process_of_paging_that_computes_for_long_is_passed_by(busy: Installation, receivers: Receivers) -> None:
    """As by a template of another workspace: one of the two processes stands still, with its claims in hand."""
    set_up(receivers, busy.data, busy.environment)
    busy_one, _ = psutil.Process(busy.pid_of("worker paging")).children()
    os.kill(busy_one.pid, signal.SIGSTOP)
    try:
        titles = [f"While one computes {n}" for n in range(3)]
        for title in titles:
            assert busy.post("/webhook", json={"title": title, "severity": "critical"}).status_code == 200
        for title in titles:
            eventually(f"{title} is paged", lambda: about(receivers.webhook, title), 20)  # noqa: B023
    finally:
        os.kill(busy_one.pid, signal.SIGCONT)
