"""kill -9 in the middle of a burst, and of a sweep: what was answered is there, nothing is there twice, and it all goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.proof.harness import ADMIN_KEY, SIGN_IN, caller, embedded, eventually
from tests.proof.production import Production
from tests.proof.senders import burst, nothing_lost_and_nothing_twice
from tests.runtime.installation import Installation

pytestmark = pytest.mark.proof

SOME = 300  # alerts
MANY = 4000  # incidents: a sweep takes them 500 at a time


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
    victim.start()
    victim.wait_until_ready()
    with victim.database() as database:
        nothing_lost_and_nothing_twice(sent, database)
    assert victim.post("/webhook", json={"title": "After the kill"}).status_code == 200


def test_the_database_dies_in_a_burst(victim: Installation) -> None:
    with burst("database", victim) as sent:
        for _ in range(2):
            before = len(sent.taken())
            eventually("the burst is on", lambda: len(sent.taken()) >= before + SOME, 20)  # noqa: B023
            pid = victim.postgres_pid()
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            eventually("PostgreSQL is back", lambda: victim.postgres_pid() not in (None, pid), 20)  # noqa: B023
        before = len(sent.taken())
        eventually("alerts are taken again", lambda: len(sent.taken()) >= before + SOME, 20)
    assert sent.unanswered == {}
    assert set(sent.answered.values()) <= {200, 503}
    with victim.database() as database:
        nothing_lost_and_nothing_twice(sent, database)


def children_of(workers: list[Installation]) -> list[psutil.Process]:
    """The processes that do the workers' tasks."""
    return [child for worker in workers if worker.process for child in psutil.Process(worker.process.pid).children()]


@pytest.mark.parametrize("dies", ["the whole worker", "the process that does its tasks"])
def test_the_workers_die_in_a_sweep(site: Production, dies: str) -> None:
    sleepers = f"sleepers of {dies}"
    with caller(site.web[0], ADMIN_KEY) as sender:
        for n in range(0, MANY, 500):
            some = [{"title": f"Sleeper {n + i}", "source": sleepers, "dedup_key": f"{sleepers}/{n + i}"} for i in range(500)]
            assert sender.post("/webhook", json=some).status_code == 200

    def woken() -> int:
        return site.count(
            "SELECT count(*) FROM incidents_timelineentry e JOIN incidents_incident i ON i.id = e.incident_id "
            "WHERE e.kind = 'unsnoozed' AND i.source_name = %s",
            sleepers,
        )

    due = site.count(
        "WITH due AS (UPDATE incidents_incident SET snoozed_until = now(), snoozed_at = now(), snoozed_by = 'proof' "
        "WHERE source_name = %s RETURNING 1) SELECT count(*) FROM due",
        sleepers,
    )
    assert due == MANY
    eventually("a sweep has begun", woken, 20, pause=0.005)
    if dies == "the whole worker":
        site.kill_workers()
    else:
        for child in children_of(site.workers):
            child.kill()
    assert woken() < MANY, "the sweep was over before the kill"
    if dies == "the whole worker":
        left = woken()
        assert left == woken()
        site.start_workers()
    eventually("all are awake", lambda: woken() >= MANY, 30, pause=0.1)

    still = "SELECT count(*) FROM incidents_incident WHERE source_name = %s AND snoozed_until IS NOT NULL"
    assert site.count(still, sleepers) == 0
    assert woken() == MANY  # one entry for each …
    each = (
        "SELECT count(DISTINCT e.incident_id) FROM incidents_timelineentry e JOIN incidents_incident i ON i.id = e.incident_id "
        "WHERE e.kind = 'unsnoozed' AND i.source_name = %s"
    )
    assert site.count(each, sleepers) == MANY  # … and for no one two
