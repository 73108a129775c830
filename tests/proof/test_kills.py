"""kill -9 in the middle of a burst, and of a sweep: what was answered is there, nothing is there twice, and it all goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.proof.harness import ADMIN_KEY, SIGN_IN, caller, embedded, eventually
from tests.proof.production import WAITS, Production
from tests.proof.senders import burst, nothing_lost_and_nothing_twice
from tests.runtime.installation import Installation, is_alive

pytestmark = pytest.mark.proof

SOME = 300  # alerts
MANY = 1200  # incidents: a sweep takes them 500 at a time
BODY = 400  # alerts in one request


@pytest.fixture(scope="module")
def victim(folder: Path) -> Iterator[Installation]:
    """An embedded installation that has nine lives."""
    with embedded("victim", folder / "victim", **SIGN_IN) as installation:
        yield installation


def test_the_web_process_dies_in_a_burst(victim: Installation) -> None:
    with burst("web", victim) as sent:
        eventually("the burst is on", lambda: len(sent.taken()) >= SOME)
        victim.signal(signal.SIGKILL)
        victim.wait_until_ended()
    assert sent.unanswered, "nothing was under way when it died"
    orphan = victim.postgres_pid()
    assert orphan is not None  # it outlived us, and must not be in the way now
    victim.start()
    victim.wait_until_ready()
    assert not is_alive(orphan)
    with victim.database() as database:
        nothing_lost_and_nothing_twice(sent, database)
    assert victim.post("/webhook", json={"title": "After the kill"}).status_code == 200


def test_the_database_dies_in_a_burst(victim: Installation) -> None:
    with burst("database", victim) as sent:
        for number in (signal.SIGKILL, signal.SIGQUIT):
            before = len(sent.taken())
            eventually("the burst is on", lambda: len(sent.taken()) >= before + SOME)  # noqa: B023
            pid = victim.postgres_pid()
            assert pid is not None
            os.kill(pid, number)
            eventually("PostgreSQL is back", lambda: victim.postgres_pid() not in (None, pid))  # noqa: B023
        before = len(sent.taken())
        eventually("alerts are taken again", lambda: len(sent.taken()) >= before + SOME)
    assert sent.unanswered == {}
    assert set(sent.answered.values()) <= {200, 503}
    with victim.database() as database:
        nothing_lost_and_nothing_twice(sent, database)


def test_a_commit_whose_answer_gets_lost_counts_once(victim: Installation) -> None:
    """PostgreSQL waits for a standby that it never had: what is committed for good is not confirmed. Then it dies."""
    pid = victim.postgres_pid()
    assert pid is not None
    database = victim.database(admin=True)

    def a_commit_waits() -> bool:
        # Single statements wait too (a block of numbers for names, say); those need not.
        database.execute(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query <> 'COMMIT'"
        )
        waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query = 'COMMIT'"
        return database.execute(waiting).fetchone() is not None

    database.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    database.execute("SELECT pg_reload_conf()")
    with burst("unconfirmed", victim) as sent:
        eventually("a commit waits for the standby", a_commit_waits)
        database.execute("ALTER SYSTEM RESET synchronous_standby_names")
        database.close()
        os.kill(pid, signal.SIGKILL)
        eventually("alerts are taken again", lambda: len(sent.taken()) >= SOME)
    assert sent.unanswered == {}
    with victim.database() as database:
        nothing_lost_and_nothing_twice(sent, database)


SLEEP = "UPDATE incidents_incident SET snoozed_until = now(), snoozed_at = now(), snoozed_by = 'proof' WHERE source_name = %s"
ASLEEP = "SELECT count(*) FROM incidents_incident WHERE snoozed_until IS NOT NULL AND source_name = %s"
# Whoever writes what came of a page holds its incident, and would wait behind the lock of the proof.
TO_BE_SENT = """
    SELECT count(*) FROM notifications_delivery d JOIN incidents_incident i ON i.id = d.incident_id
    WHERE d.state IN ('pending', 'sending', 'failed_temporary') AND i.source_name = %s
"""
WAKE_UPS = """
    SELECT count({}) FROM incidents_timelineentry JOIN incidents_incident i ON i.id = incident_id
    WHERE kind = 'unsnoozed' AND i.source_name = %s
"""


def everything_of_the_workers(site: Production) -> None:
    """As when their machine goes down; new ones start."""
    site.kill_workers()
    site.start_workers()


def what_does_their_tasks(site: Production) -> None:
    """As when memory runs out: the workers themselves live."""
    for worker in site.workers:
        assert worker.process is not None
        for child in psutil.Process(worker.process.pid).children():
            child.kill()


@pytest.mark.parametrize("kill", [everything_of_the_workers, what_does_their_tasks])
def test_workers_die_in_a_sweep(site: Production, kill: Callable[[Production], None]) -> None:
    name = kill.__name__
    with caller(site.web[0], ADMIN_KEY) as sender:
        for first in range(0, MANY, BODY):
            keys = [f"{name}/{n}" for n in range(first, first + BODY)]
            some = [{"title": f"Sleeper {key}", "source": name, "dedup_key": key} for key in keys]
            assert sender.post("/webhook", json=some).status_code == 200
    eventually("nothing is to be sent about them any more", lambda: not site.count(TO_BE_SENT, name), pause=0.2)
    with site.locked("incidents_timelineentry"):
        assert site.execute(SLEEP, name) == MANY  # all due at the same moment
        eventually("a sweep has begun", lambda: site.count(WAITS), pause=0.005)
        kill(site)
    eventually("all are awake", lambda: not site.count(ASLEEP, name), pause=0.1)

    assert site.count(WAKE_UPS.format("DISTINCT incident_id"), name) == MANY
    assert site.count(WAKE_UPS.format("*"), name) == MANY  # each once
