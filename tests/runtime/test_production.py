"""Two ``web``, two ``worker``, one ``beat`` over Redis and PostgreSQL: the same platform, spread over processes."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from django.conf import settings
from psycopg import sql
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.peers import PrivateRedis
from tests.runtime.installation import Installation, wait_for

pytestmark = pytest.mark.proof

KEY = "0123456789abcdef0123456789abcdef"
PASSWORD = "correct-horse-battery"
HEADERS = {"X-API-Key": KEY}


class Cluster:
    """All processes, on a database of their own."""

    def __init__(self, folder: Path, redis: PrivateRedis) -> None:
        self.redis = redis
        self.name = f"aiops_proof_{secrets.token_hex(4)}"
        with psycopg.connect(settings.SERVER_URL, autocommit=True) as server:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.name)))
        self.database_url = urlsplit(settings.SERVER_URL)._replace(path=f"/{self.name}").geturl()
        self.environment = {
            "AIOPS_ENV": "production",
            "AIOPS_SECRET_KEY": secrets.token_urlsafe(48),
            "AIOPS_API_KEYS": f"{KEY}:admin",
            "AIOPS_ADMIN_PASSWORD": PASSWORD,
            "AIOPS_SWEEP_SECONDS": "1",
            "DATABASE_URL": self.database_url,
            "REDIS_URL": redis.url,
        }
        self.folder = folder
        self.webs = [self.make("web"), self.make("web")]
        self.workers = [self.make("worker"), self.make("worker")]
        self.beat = self.make("beat")

    def make(self, *command: str) -> Installation:
        return Installation(self.folder / "data", command, **self.environment)

    @property
    def processes(self) -> list[Installation]:
        return [*self.webs, *self.workers, self.beat]

    def start(self) -> None:
        """Bring the tables up to date, then start everything."""
        migrate = self.make("migrate")
        migrate.start()
        assert migrate.wait_until_ended(60) == 0, migrate.output
        for process in self.processes:
            process.start()
        for web in self.webs:
            web.wait_until_ready()

    def sql(self, statement: str, *values: object) -> list[tuple]:
        """The rows of a statement, none for one that has none."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            cursor = connection.execute(statement, values)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def clean_up(self) -> None:
        for process in self.processes:
            if process.process is not None and process.process.poll() is None:
                os.killpg(process.process.pid, signal.SIGKILL)
                process.process.wait()
        with psycopg.connect(settings.SERVER_URL, autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.name)))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    redis = PrivateRedis(folder)
    redis.start()
    made = Cluster(folder, redis)
    try:
        made.start()
        yield made
    finally:
        made.clean_up()
        redis.stop()


def open_page(web: Installation) -> ClientConnection:
    """A signed-in page's socket on *web*."""
    with httpx.Client(base_url=web.url, follow_redirects=True) as browser:
        form = browser.get("/console/login")
        token = browser.cookies["csrftoken"]
        assert form.is_success
        entry = browser.post(
            "/console/login", data={"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": token}
        )
        assert entry.is_success and "sessionid" in browser.cookies, entry.text[:500]
        cookie = f"sessionid={browser.cookies['sessionid']}"
    return connect(
        f"{web.url.replace('http', 'ws', 1)}/ws/console",
        additional_headers={"Cookie": cookie},
        origin=web.url,  # type: ignore[arg-type]
    )


def hears(socket: ClientConnection, incident: str, seconds: float = 10.0) -> None:
    """The page hears of a change of *incident* within *seconds*; how fast that is, `bench live` measures.

    A message with rows but without names says that too many changed to name them, this one among them.
    """
    deadline = time.monotonic() + seconds
    while True:
        message = json.loads(socket.recv(timeout=max(0.01, deadline - time.monotonic())))
        if "v" in message and (not message["incidents"] or incident in message["incidents"]):
            return


def test_journey_over_two_web_processes(cluster: Cluster) -> None:
    first, second = cluster.webs
    with open_page(second) as page:
        body = {"title": "Disk full on db-1", "severity": "critical"}
        for _ in range(
            10
        ):  # a page that was let in just now may not be listening yet; it would ask for the list by itself
            posted = first.post("/webhook", json=body, headers=HEADERS)
            assert posted.is_success, posted.text
            incident_id = posted.json()["incident_id"]
            with contextlib.suppress(TimeoutError):
                hears(page, incident_id, 2.0)
                break
        else:
            raise AssertionError("the page never heard of it")

        name = second.get(f"/incidents/{incident_id}", headers=HEADERS).json()["incident"]["name"]
        assert first.post(f"/api/v1/incidents/{name}/acknowledge", json={}, headers=HEADERS).is_success
        hears(page, incident_id)
        assert first.post(f"/incidents/{incident_id}/notes", json={"content": "on it"}, headers=HEADERS).is_success
        hears(page, incident_id)
        assert first.post(
            f"/api/v1/incidents/{name}/resolve", json={"resolution": "cleaned up"}, headers=HEADERS
        ).is_success
        hears(page, incident_id)
    assert second.get(f"/incidents/{incident_id}", headers=HEADERS).json()["incident"]["state"] == "resolved"


def test_foreign_page_gets_no_socket(cluster: Cluster) -> None:
    url = cluster.webs[0].url.replace("http", "ws", 1)
    with pytest.raises(InvalidStatus):
        connect(f"{url}/ws/console", origin="https://elsewhere.example")  # type: ignore[arg-type]


def test_one_key_from_64_connections_to_two_processes(cluster: Cluster) -> None:
    together = threading.Barrier(64)
    answers: list[httpx.Response] = []

    def send(number: int) -> None:
        with httpx.Client(timeout=30) as client:
            together.wait()
            url = cluster.webs[number % 2].url
            answers.append(client.post(f"{url}/webhook", json={"title": "storm", "dedup_key": "one"}, headers=HEADERS))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers if not answer.is_success] == []
    assert cluster.sql("SELECT occurrences FROM incidents_incident WHERE dedup_key = 'one'") == [(64,)]
    assert cluster.sql(
        "SELECT count(*) FROM incidents_alert a JOIN incidents_incident i ON i.id = a.incident_id WHERE i.dedup_key = 'one'"
    ) == [(64,)]


def snooze_many(cluster: Cluster, marker: str, count: int) -> None:
    """*count* incidents whose snooze has just ended."""
    for start in range(0, count, 500):
        alerts = [{"labels": {"alertname": marker, "n": str(n)}} for n in range(start, min(start + 500, count))]
        assert cluster.webs[0].post("/api/v2/alerts", json=alerts, headers=HEADERS).is_success
    cluster.sql(
        "UPDATE incidents_incident SET snoozed_until = now(), snoozed_at = now() WHERE labels->>'alertname' = %s",
        marker,
    )


AWAKE = "SELECT count(*) FROM incidents_incident WHERE snoozed_until IS NULL AND labels->>'alertname' = %s"
WOKEN = """
    SELECT t.n, count(*) FROM incidents_incident i
    CROSS JOIN LATERAL (SELECT count(*) AS n FROM incidents_timelineentry e WHERE e.incident_id = i.id AND e.kind = 'unsnoozed') t
    WHERE i.labels->>'alertname' = %s GROUP BY 1
"""


def test_worker_killed_in_the_middle_of_a_sweep(cluster: Cluster) -> None:
    """What it had not committed, the other one does; nothing twice."""
    count = 3000
    snooze_many(cluster, "killed", count)
    wait_for(lambda: cluster.sql(AWAKE, "killed")[0][0] > 0, 20)
    for worker in cluster.workers:
        assert worker.process is not None
        os.killpg(worker.process.pid, signal.SIGKILL)
    for worker in cluster.workers:
        worker.wait_until_ended()
        worker.start()
    wait_for(lambda: cluster.sql(AWAKE, "killed")[0][0] == count, 60)
    assert cluster.sql(WOKEN, "killed") == [(1, count)]


def is_live(cluster: Cluster, web: Installation) -> bool:
    """Whether a page on *web* hears of what the other one takes."""
    other = next(one for one in cluster.webs if one is not web)
    try:
        with open_page(web) as page:
            posted = other.post("/webhook", json={"title": f"is {web.url} live?"}, headers=HEADERS)
            hears(page, posted.json()["incident_id"])
    except (TimeoutError, ConnectionClosed, InvalidStatus):
        return False
    return True


def test_everything_outlives_redis(cluster: Cluster) -> None:
    """Ingest goes on without it; sweep and live updates do when it is back."""
    cluster.redis.stop()
    assert cluster.webs[0].post("/webhook", json={"title": "without redis"}, headers=HEADERS).is_success
    wait_for(lambda: cluster.webs[0].get("/api/health/ready").json()["status"] == "degraded")
    cluster.redis.start()
    snooze_many(cluster, "after redis", 3)
    wait_for(lambda: cluster.sql(AWAKE, "after redis")[0][0] == 3, 60)
    wait_for(lambda: "aiops_sweep_lag_seconds" in cluster.webs[1].get("/metrics").text)
    wait_for(lambda: cluster.webs[0].get("/api/health/ready").json()["status"] == "ok")
    for web in cluster.webs:
        wait_for(lambda web=web: is_live(cluster, web), 20)  # type: ignore[misc]


def test_web_refuses_tables_of_another_version(cluster: Cluster) -> None:
    cluster.sql("UPDATE django_migrations SET app = 'incidents_' WHERE app = 'incidents'")
    try:
        web = cluster.make("web")
        web.start()
        assert web.wait_until_ended() == 2
        assert "python -m aiops migrate" in web.output
    finally:
        cluster.sql("UPDATE django_migrations SET app = 'incidents' WHERE app = 'incidents_'")


def test_production_needs_an_api_key_somewhere(cluster: Cluster) -> None:
    web = cluster.make("web")
    web.environment["AIOPS_API_KEYS"] = ""
    web.start()
    assert web.wait_until_ended() == 2
    assert "AIOPS_API_KEYS" in web.output


def test_stop_of_each_process(cluster: Cluster) -> None:
    for make in ("web", "worker", "beat"):
        process = cluster.make(make)
        process.start()
        if make == "web":
            process.wait_until_ready()
        else:
            wait_for(lambda process=process: process.lines)  # type: ignore[misc]
            time.sleep(1)
        status, seconds = process.stop()
        assert (status, seconds < 10) == (0, True), process.output
