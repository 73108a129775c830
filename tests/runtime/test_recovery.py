"""Whatever is killed, what was answered is there afterwards, once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.patience import PATIENCE
from tests.runtime.installation import Installation, is_alive, wait_for

pytestmark = pytest.mark.proof


class Burst:
    """Senders that post alerts of their own until they are told to stop, and note what was answered."""

    def __init__(self, installation: Installation, senders: int = 8) -> None:
        self.url = installation.url
        self.answered: list[str] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(number,), daemon=True) for number in range(senders)]
        for thread in self._threads:
            thread.start()

    def _send(self, sender: int) -> None:
        with httpx.Client(timeout=PATIENCE) as client:
            for number in range(1_000_000):
                if self._stop.is_set():
                    return
                key = f"burst-{sender}-{number}"
                try:
                    answer = client.post(f"{self.url}/webhook", json={"title": "burst", "dedup_key": key})
                except httpx.TransportError:
                    time.sleep(0.05)
                    continue
                if answer.is_success:
                    self.answered.append(key)

    def wait_for(self, count: int) -> None:
        wait_for(lambda: len(self.answered) >= count)

    def stop(self) -> list[str]:
        """What was answered in all."""
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        return self.answered


def stored(installation: Installation) -> dict[str, int]:
    """How many alerts each dedup key of the burst has in the database."""
    with installation.database() as connection:
        rows = connection.execute(
            "SELECT i.dedup_key, count(*) FROM incidents_incident i JOIN incidents_alert a ON a.incident_id = i.id"
            " WHERE i.title = 'burst' GROUP BY 1"
        ).fetchall()
    return {str(key): int(count) for key, count in rows}


def test_killed_in_the_middle_of_a_burst(running: Installation) -> None:
    burst = Burst(running)
    burst.wait_for(100)
    running.signal(signal.SIGKILL)
    assert running.wait_until_ended() == -signal.SIGKILL
    answered = burst.stop()
    orphan = running.postgres_pid()
    assert orphan is not None  # it outlived us, and must not be in the way now
    running.start()
    running.wait_until_ready()
    assert not is_alive(orphan)
    found = stored(running)
    assert [key for key in answered if found.get(key) != 1] == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT])
def test_postgres_dies_in_the_middle_of_a_burst(number: signal.Signals, running: Installation) -> None:
    before = running.postgres_pid()
    assert before is not None
    burst = Burst(running)
    burst.wait_for(100)
    os.kill(before, number)
    wait_for(lambda: running.postgres_pid() not in (None, before))
    burst.wait_for(len(burst.answered) + 100)
    answered = burst.stop()
    found = stored(running)
    assert [key for key in answered if found.get(key) != 1] == []
    assert running.get("/readyz").status_code == 200
    assert running.stop() == 0


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
