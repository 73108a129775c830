"""A stop finishes what runs, stops everything within ten seconds, and is not disturbed by a second signal."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from tests.runtime.installation import Installation, wait_for

pytestmark = pytest.mark.proof


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stop_takes_postgres_along(number: signal.Signals, running: Installation) -> None:
    began = time.monotonic()
    running.signal(number)
    assert running.wait_until_ended() == 0
    assert time.monotonic() - began < 5
    assert running.postgres_pid() is None
    assert not (running.data / "postgres" / "postmaster.pid").exists()


def test_stop_while_requests_hang(running: Installation) -> None:
    """One request never sends its body; another waits in a thread for a lock. Later signals change nothing."""
    blocker = running.database()
    blocker.execute("BEGIN; LOCK TABLE incidents_incident IN ACCESS EXCLUSIVE MODE")
    stuck_in_database = running.raw_connection()
    stuck_in_database.sendall(b"GET /incidents HTTP/1.1\r\nHost: localhost\r\n\r\n")
    wait_for(lambda: blocker.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone())
    half_sent = running.raw_connection()
    half_sent.sendall(b"POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    time.sleep(0.1)

    began = time.monotonic()
    running.signal(signal.SIGINT)
    time.sleep(0.3)
    running.signal(signal.SIGINT)
    running.signal(signal.SIGTERM)
    assert running.wait_until_ended() == 0
    assert 3 < time.monotonic() - began < 10
    assert running.postgres_pid() is None
    assert half_sent.recv(1000).startswith(b"HTTP/1.1 503 ")
    blocker.close()


def test_stop_finishes_what_runs(running: Installation) -> None:
    """A request that is under way when the signal comes is answered, and its signal is stored."""
    body = b'{"title": "sent while stopping", "severity": "high"}'
    connection = running.raw_connection()
    head = f"POST /webhook HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body[:10])
    time.sleep(0.1)
    running.signal(signal.SIGTERM)
    time.sleep(0.5)
    connection.sendall(body[10:])
    assert connection.recv(1000).startswith(b"HTTP/1.1 20")
    assert running.wait_until_ended() == 0
    running.start()
    running.wait_until_ready()
    with running.database() as database:
        assert database.execute("SELECT 1 FROM incidents_incident WHERE title = 'sent while stopping'").fetchone()


def test_stop_while_postgres_is_frozen(running: Installation) -> None:
    """Even a PostgreSQL that does not answer at all is ended in time."""
    import os

    pid = running.postgres_pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    status, seconds = running.stop()
    assert seconds < 10
    assert running.postgres_pid() is None
    running.start()
    running.wait_until_ready()
    assert status in (0, 1)


def test_stop_of_a_start_that_waits_for_its_database(copy_of: Callable[..., Installation]) -> None:
    installation = copy_of(DATABASE_URL="postgresql://aiops@127.0.0.1:1/aiops")
    installation.start()
    wait_for(lambda: "waiting for the database" in installation.output)
    status, seconds = installation.stop()
    assert (status, seconds < 5) == (0, True)
