"""Whatever is killed or frozen comes back, and the next start clears what is left (bursts: ``tests/proof/test_kills.py``)."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.runtime.installation import Installation, is_alive, wait_for

pytestmark = pytest.mark.proof


def test_no_connection_of_before_is_handed_out(running: Installation) -> None:
    with ThreadPoolExecutor(6) as browsers:
        assert set(browsers.map(lambda _: running.get("/incidents").status_code, range(12))) == {200}
    before = running.postgres_pid()
    assert before is not None
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: running.postgres_pid() not in (None, before))
    wait_for(lambda: running.get("/readyz").status_code == 200)
    assert [running.get("/incidents").status_code for _ in range(6)] == [200] * 6


def test_backend_that_outlives_its_postmaster(running: Installation) -> None:
    """It holds the shared memory, so that no new server could start beside it."""
    with running.database() as connection:
        backend = connection.info.backend_pid
        os.kill(backend, signal.SIGSTOP)
        before = running.postgres_pid()
        assert before is not None
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: running.postgres_pid() not in (None, before))
        assert not is_alive(backend)
    wait_for(lambda: running.get("/readyz").status_code == 200)


def test_killed_together_with_its_postgres(running: Installation) -> None:
    pid = running.postgres_pid()
    assert pid is not None
    running.signal(signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    running.wait_until_ended()
    running.start()
    running.wait_until_ready()


def test_health_while_postgres_is_away(running: Installation) -> None:
    """A frozen server answers nobody; the probes do, and say what is away."""
    pid = running.postgres_pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(1.1)  # what the probe found before is kept for a second
        answer = running.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "not ready: the database does not answer")
        assert running.get("/api/health/ready").json()["status"] == "down"
        assert running.get("/healthz").status_code == 200
        assert "aiops_database_up 0.0" in running.get("/metrics").text
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: running.get("/readyz").status_code == 200)


def test_snooze_ends_though_the_process_was_killed(copy_of: Callable[..., Installation]) -> None:
    """Between the write and the bell: the sweep of the next start finds what is due."""
    installation = copy_of(AIOPS_SWEEP_SECONDS="1")
    installation.start()
    installation.wait_until_ready()
    incident = installation.get("/incidents").json()["incidents"][0]["id"]
    assert installation.post(f"/incidents/{incident}/snooze", json={"duration": "1h"}).is_success
    installation.signal(signal.SIGKILL)
    installation.wait_until_ended()
    installation.start()
    installation.wait_until_ready()
    with installation.database() as connection:
        connection.execute("UPDATE incidents_incident SET snoozed_until = now() - interval '1 second'")
        wait_for(lambda: connection.execute("SELECT 1 FROM incidents_incident WHERE snoozed_until IS NULL").fetchone())
