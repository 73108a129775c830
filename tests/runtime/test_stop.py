"""A stop finishes what runs, stops everything, and is not disturbed by a second signal."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable

import pytest

from tests.patience import STOPPED
from tests.runtime.installation import Installation, wait_for

pytestmark = pytest.mark.proof


def begin(connection: socket.socket, head: bytes, start: bytes) -> None:
    """Send a request's *head* and the *start* of its body; returns when the server has begun to read it."""
    connection.sendall(head + b"Expect: 100-continue\r\n\r\n")
    assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
    connection.sendall(start)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stop_takes_postgres_along(number: signal.Signals, running: Installation) -> None:
    running.signal(number)
    assert running.wait_until_ended(STOPPED) == 0
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
    begin(half_sent, b"POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n", b"{")

    began = time.monotonic()
    running.signal(signal.SIGINT)
    time.sleep(0.3)
    running.signal(signal.SIGINT)
    running.signal(signal.SIGTERM)
    assert running.wait_until_ended(STOPPED) == 0
    assert time.monotonic() - began > 3, "they were given time to end"
    assert running.postgres_pid() is None
    assert half_sent.recv(1000).startswith(b"HTTP/1.1 503 ")
    blocker.close()


def test_stop_finishes_what_runs(running: Installation) -> None:
    """A request that is under way when the signal comes is answered, and its signal is stored."""
    body = b'{"title": "sent while stopping", "severity": "high"}'
    connection = running.raw_connection()
    head = f"POST /webhook HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    begin(connection, head.encode(), body[:10])
    running.signal(signal.SIGTERM)
    time.sleep(0.5)
    connection.sendall(body[10:])
    assert connection.recv(1000).startswith(b"HTTP/1.1 20")
    assert running.wait_until_ended(STOPPED) == 0
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
    status = running.stop()
    assert running.postgres_pid() is None
    running.start()
    running.wait_until_ready()
    assert status in (0, 1)


def test_stop_of_a_start_that_waits_for_its_database(copy_of: Callable[..., Installation]) -> None:
    installation = copy_of(DATABASE_URL="postgresql://aiops@127.0.0.1:1/aiops")
    installation.start()
    wait_for(lambda: "waiting for the database" in installation.output)
    assert installation.stop() == 0
