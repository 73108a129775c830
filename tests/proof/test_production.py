"""Production mode: what happens on one web process shows on the other, timers run, limits are shared, Redis may go away, and each
process starts and stops by itself."""

from __future__ import annotations

import itertools
import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psycopg
import pytest
from websockets.sync.client import ClientConnection, connect

from incidents.response.console.feed import RESYNC
from tests.proof.harness import OPERATOR_KEY, VIEWER_KEY, caller, eventually
from tests.proof.production import Production, session_cookie
from tests.runtime.installation import Installation

pytestmark = pytest.mark.proof

VIEWER_LIMIT = 100  # requests in a minute of the clock


@pytest.fixture
def webs(site: Production) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """An operator's scripts, one before each web process."""
    with caller(site.web[0], OPERATOR_KEY) as one, caller(site.web[1], OPERATOR_KEY) as two:
        yield one, two


class Page:
    """An open list of what was seen last: its question, which it asks again with each answer."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ask()

    def shows(self, incident: str, look: str) -> None:
        """Wait for an answer in which the incident looks so; raises ``TimeoutError`` when none comes long before a resync."""
        deadline = time.monotonic() + RESYNC / 2
        shown = re.compile(rf'id="row-{incident}".*?class="status (\w+)"', re.DOTALL)
        while True:
            message = json.loads(self._socket.recv(timeout=max(0.0, deadline - time.monotonic())))
            if "answer" not in message:
                continue
            self._ask()
            found = shown.search(message["html"])
            if found is not None and found[1] == look:
                return

    def _ask(self) -> None:
        self._socket.send(json.dumps({"ask": "board", "query": "view=all&sort=seen"}))


@pytest.fixture(scope="module")
def cookie(site: Production) -> str:
    """Somebody signed in on the second web process; the session holds on both."""
    return session_cookie(site.web[1])


@pytest.fixture
def page(site: Production, cookie: str) -> Iterator[Page]:
    """A page that the first web process serves."""
    address = site.web[0].url.replace("http://", "ws://") + "/ws/console"
    with connect(address, additional_headers={"Cookie": cookie}, max_queue=None) as socket:
        yield Page(socket)


def fire(web: httpx.Client, title: str) -> str:
    answer = web.post("/webhook", json={"title": title, "severity": "high"})
    return str(answer.raise_for_status().json()["incident_id"])


def timeline(web: httpx.Client, incident: str, kind: str) -> list[dict[str, Any]]:
    events = web.get(f"/incidents/{incident}/timeline").raise_for_status().json()["events"]
    return [event for event in events if event["event_type"] == kind]


def test_a_page_of_one_web_sees_what_is_done_on_the_other(webs: tuple[httpx.Client, httpx.Client], page: Page) -> None:
    one, two = webs
    incident = fire(one, "The cache is cold")
    page.shows(incident, "open")
    acknowledged = two.post(f"/api/v1/incidents/{incident}/acknowledge", json={"acknowledgedBy": "dora"})
    assert acknowledged.raise_for_status().json()["status"]["acknowledgedBy"] == "dora"
    page.shows(incident, "acknowledged")
    assert one.get(f"/incidents/{incident}").json()["incident"]["state"] == "acknowledged"


def test_a_snoozed_incident_wakes_at_its_time(webs: tuple[httpx.Client, httpx.Client], page: Page) -> None:
    incident = fire(webs[0], "The backup is late")
    snoozed = webs[1].post(f"/api/v1/incidents/{incident}/snooze", json={"duration": "1s"}).raise_for_status().json()
    until = datetime.fromisoformat(snoozed["status"]["snoozeUntil"])
    woken = eventually("it wakes", lambda: timeline(webs[0], incident, "unsnoozed"), pause=0.1)
    assert [entry["actor"] for entry in woken] == ["system"]
    assert until <= datetime.fromisoformat(woken[0]["created_at"])
    page.shows(incident, "open")


def test_workers_keep_their_connections(site: Production) -> None:
    """Tasks of every second use those that are there. Closed with each task, they would break under what is still sent."""
    with psycopg.connect(site.database_url, autocommit=True) as watching:

        def opened() -> int:
            query = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
            return int(watching.execute(query).fetchone()[0])  # type: ignore[index]

        def nobody_is_new() -> bool:
            before = opened()
            time.sleep(3)  # sweeps of every second, and a page or two
            return opened() == before

        eventually("three seconds without a new connection", nobody_is_new, seconds=30)


def test_both_webs_count_one_limit(site: Production) -> None:
    answers: list[httpx.Response] = []  # of one minute of the clock
    with caller(site.web[0], VIEWER_KEY) as one, caller(site.web[1], VIEWER_KEY) as two:
        for web in itertools.cycle((one, two)):
            answer = web.get("/api/v1/incidents?pageSize=1")
            if answers and answer.headers["X-RateLimit-Reset"] != answers[-1].headers["X-RateLimit-Reset"]:
                answers = []  # another minute has begun, and the count with it
            answers.append(answer)
            if len(answers) == VIEWER_LIMIT + 10:
                break
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {str(VIEWER_LIMIT)}
    remaining = [int(answer.headers["X-RateLimit-Remaining"]) for answer in answers]
    assert remaining == [*range(VIEWER_LIMIT - 1, -1, -1), *[0] * 10]
    assert [answer.status_code for answer in answers] == [200] * VIEWER_LIMIT + [429] * 10
    assert all(0 < int(answer.headers["Retry-After"]) <= 60 for answer in answers[VIEWER_LIMIT:])


@contextmanager
def gone(site: Production) -> Iterator[None]:
    """Redis is killed, with all that it held, and started again afterwards."""
    site.redis.stop()
    try:
        yield
    finally:
        site.redis.start()


@contextmanager
def hanging(site: Production) -> Iterator[None]:
    """Redis takes connections and says nothing."""
    site.signal_redis(signal.SIGSTOP)
    try:
        yield
    finally:
        site.signal_redis(signal.SIGCONT)


@pytest.mark.parametrize("away", [gone, hanging])
def test_ingest_does_not_wait_for_redis(
    site: Production,
    webs: tuple[httpx.Client, httpx.Client],
    page: Page,
    away: Callable[[Production], AbstractContextManager[None]],
) -> None:
    page.shows(fire(webs[1], "Before"), "open")
    took: list[float] = []
    with away(site):
        began = time.monotonic()
        while time.monotonic() - began < 3:
            for web in webs:
                sent = time.monotonic()
                fire(web, f"{away.__name__} {len(took)}")
                took.append(time.monotonic() - sent)
        untold = fire(webs[1], "Nobody was told of this")
        assert webs[0].get("/api/health/ready").json()["status"] == "degraded"
    assert median(took) < 1, "seconds; whoever waited for it would wait for longer"
    # It is back: the page that was open all the time hears what it missed, and what is new, and the timers run.
    page.shows(untold, "open")
    page.shows(fire(webs[1], "After"), "open")
    incident = fire(webs[0], "Snoozed afterwards")
    webs[1].post(f"/api/v1/incidents/{incident}/snooze", json={"duration": "1s"}).raise_for_status()
    eventually("it wakes", lambda: timeline(webs[0], incident, "unsnoozed"), pause=0.2)
    for web in webs:
        eventually("it is well again", lambda web=web: web.get("/api/health/ready").json()["status"] == "ok")


def make(site: Production, folder: Path, *command: str, **environment: str) -> Installation:
    """Another process of the same site, started."""
    made = Installation(folder / "more", command, **{**site.environment, **environment})
    made.start()
    return made


def test_web_refuses_tables_of_another_version(site: Production, folder: Path) -> None:
    site.execute("UPDATE django_migrations SET app = 'incidents_' WHERE app = 'incidents'")
    try:
        web = make(site, folder, "web")
        assert web.wait_until_ended() == 2
        assert "python -m aiops migrate" in web.output
    finally:
        site.execute("UPDATE django_migrations SET app = 'incidents' WHERE app = 'incidents_'")


def test_production_needs_an_api_key_somewhere(site: Production, folder: Path) -> None:
    web = make(site, folder, "web", AIOPS_API_KEYS="")
    assert web.wait_until_ended() == 2
    assert "AIOPS_API_KEYS" in web.output


@pytest.mark.parametrize("command", ["web", "worker", "beat"])
def test_each_process_stops_when_it_is_asked_to(site: Production, folder: Path, command: str) -> None:
    process = make(site, folder, command)
    assert process.process is not None
    status = Path(f"/proc/{process.process.pid}/status")
    eventually("it heeds signals", lambda: process.lines and _caught(status.read_text(), signal.SIGTERM))
    assert process.stop() == 0, process.output


def _caught(status: str, number: signal.Signals) -> bool:
    """Whether a process whose /proc/…/status is given has a handler for a signal."""
    return bool(int(re.findall(r"SigCgt:\s(\w+)", status)[0], 16) >> (number - 1) & 1)
