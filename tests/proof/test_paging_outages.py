"""What paging stands on goes away, or goes wrong, while it pages: every page arrives, and none twice without saying so."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.patience import PATIENCE
from tests.peers import need
from tests.proof.harness import ADMIN_KEY, SIGN_IN, caller, embedded, eventually, running
from tests.proof.paging import SECOND_IS_DUE, about, fire, is_told, set_up
from tests.proof.production import Production, production
from tests.receivers import Receivers
from tests.runtime.installation import Installation

pytestmark = pytest.mark.proof


def second_is_due(site: Production, title: str) -> None:
    assert site.execute(SECOND_IS_DUE, title) == 1


def both_levels(site: Production, sender: httpx.Client, receivers: Receivers, title: str) -> None:
    """Fire *title*: it is told at once and, half an hour later, again."""
    fire(sender, title)
    is_told(receivers, title)
    second_is_due(site, title)
    is_told(receivers, title, 2)


def test_redis_is_away(site: Production, receivers: Receivers, folder: Path) -> None:
    """Nobody can ring, and beat reaches no worker: they look by themselves."""
    set_up(receivers, folder / "redis", site.environment)
    away = [f"While Redis is away, {n} of 3" for n in range(1, 4)]
    with caller(site.web[0], ADMIN_KEY) as sender:
        fire(sender, "Told before Redis went")
        is_told(receivers, "Told before Redis went")
        site.redis.stop()
        try:
            second_is_due(site, "Told before Redis went")
            is_told(receivers, "Told before Redis went", 2)
            for title in away:  # what was on its way to the workers is over soon
                both_levels(site, sender, receivers, title)
        finally:
            site.redis.start()
        both_levels(site, sender, receivers, "After Redis came back")
    for title in ("Told before Redis went", *away, "After Redis came back"):
        assert len(about(receivers.webhook, title)) == 2


def test_two_beats_at_once_and_none(site: Production, receivers: Receivers, folder: Path) -> None:
    set_up(receivers, folder / "beats", site.environment)
    titles = [f"Two beats, {n} of 20" for n in range(1, 21)]
    with caller(site.web[0], ADMIN_KEY) as sender:
        with running("another beat", Installation(folder / "another-beat", ("beat",), **site.environment)) as other:
            eventually("it beats", lambda: "beat" in other.output)
            for title in titles:
                fire(sender, title)
            for title in titles:
                is_told(receivers, title)
                second_is_due(site, title)
            for title in titles:
                is_told(receivers, title, 2)
        assert [len(about(receivers.webhook, title)) for title in titles] == [2] * 20
        site.beat.signal(signal.SIGKILL)
        site.beat.wait_until_ended()
        try:
            both_levels(site, sender, receivers, "No beat at all")
        finally:
            site.beat.start()


@pytest.fixture
def pager(folder: Path) -> Iterator[Installation]:
    """An installation with a PostgreSQL of its own."""
    with embedded("pager", folder / "restarts", **SIGN_IN, AIOPS_OUTBOUND_ALLOW="127.0.0.1") as installation:
        yield installation


def test_postgresql_dies_under_paging(pager: Installation, receivers: Receivers) -> None:
    set_up(receivers, pager.data, pager.environment)
    taken: list[str] = []
    enough = threading.Event()

    def storm() -> None:
        """Problem after problem; each is sent until it was taken, as senders do."""
        with httpx.Client(base_url=pager.url, timeout=PATIENCE) as sender:
            for n in itertools.count(1):
                body = {"title": f"Storm {n:04d}", "severity": "critical", "dedup_key": f"storm {n}"}
                while sender.post("/webhook", json=body).status_code != 200:
                    if enough.wait(0.05):
                        return
                taken.append(body["title"])
                if enough.wait(0.05):
                    return

    sender = threading.Thread(target=storm)
    sender.start()
    try:
        for _ in range(2):
            before, told = len(taken), len(receivers.webhook.requests)
            eventually("it storms", lambda: len(taken) > before + 20)  # noqa: B023
            eventually("it pages", lambda: len(receivers.webhook.requests) > told)  # noqa: B023
            pid = pager.postgres_pid()
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            eventually("PostgreSQL is back", lambda: pager.postgres_pid() not in (None, pid))  # noqa: B023
        before = len(taken)
        eventually("it storms", lambda: len(taken) > before + 20)
    finally:
        enough.set()
        sender.join()
    with pager.database() as database:
        waiting = (
            "SELECT count(*) FROM notifications_delivery WHERE state IN ('pending', 'sending', 'failed_temporary')"
        )
        hurry = "UPDATE notifications_delivery SET due_at = now(), claimed_until = least(claimed_until, now())"
        unpaged = """SELECT count(*) FROM incidents_incident i WHERE NOT EXISTS (SELECT FROM notifications_delivery d
                     WHERE d.incident_id = i.id AND d.state IN ('sent', 'delivered'))"""

        def all_are_told() -> bool:
            database.execute(
                f"{hurry} WHERE state IN ('pending', 'sending', 'failed_temporary')"
            )  # digests wait for a minute
            left = database.execute(waiting).fetchone(), database.execute(unpaged).fetchone()
            return left == ((0,), (0,))

        eventually("all are told", all_are_told, pause=1)
        found = database.execute("SELECT title FROM incidents_incident ORDER BY id").fetchall()
    assert {title for (title,) in found} >= set(taken)
    bodies = "".join(request.body.decode() for request in receivers.webhook.requests)
    assert [title for title in taken if title not in bodies] == []


@pytest.fixture
def faked(folder: Path) -> Iterator[tuple[Production, Path]]:
    """Processes whose machine shows the time that the file says; PostgreSQL is on another."""
    need("faketime")
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    said = folder / "time"
    said.write_text("+0\n")
    fake = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(said),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    with production(folder / "clocks", **fake) as started:
        yield started, said


def test_clocks_are_set_by_an_hour(faked: tuple[Production, Path], receivers: Receivers, folder: Path) -> None:
    site, said = faked
    set_up(receivers, folder / "faked", site.environment)
    titles = []
    with caller(site.web[0], ADMIN_KEY) as sender:
        for time in ("+0", "-1h", "+1h", "+0"):
            new = said.with_suffix(".new")
            new.write_text(f"{time}\n")
            new.replace(said)  # nobody may read half of it
            titles.append(f"At {time}, number {len(titles)}")
            both_levels(site, sender, receivers, titles[-1])
        entries = site.count(
            "SELECT count(*) FROM incidents_timelineentry WHERE abs(extract(epoch FROM at - now())) > 600"
        )
    assert [len(about(receivers.webhook, title)) for title in titles] == [2] * 4
    assert entries == 0, "nothing is written down an hour off"
