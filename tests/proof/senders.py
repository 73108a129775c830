"""Scripts that post alerts over connections of their own, and keep account of what they were answered."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.runtime.installation import Installation

TIMEOUT = 20.0  # seconds: longer than the platform waits for a database that is away


class Sender:
    """One keep-alive connection to one web process."""

    def __init__(self, web: Installation, key: str = "") -> None:
        self._connection = http.client.HTTPConnection(urlsplit(web.url).netloc, timeout=TIMEOUT)
        self._headers = {"Content-Type": "application/json", **({"X-API-Key": key} if key else {})}
        self._connection.connect()

    def post(self, alert: object) -> tuple[int, dict[str, Any]]:
        """Status and body of the answer; raises ``OSError`` or ``HTTPException`` when there is none."""
        self._connection.request("POST", "/webhook", json.dumps(alert), self._headers)
        answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())

    def close(self) -> None:
        self._connection.close()


def all_at_once(senders: Sequence[Sender], alert: object) -> list[tuple[int, dict[str, Any]]]:
    """Every sender posts the same alert at the same moment; the answers, in the senders' order."""
    together = threading.Barrier(len(senders))

    def post(sender: Sender) -> tuple[int, dict[str, Any]]:
        together.wait()
        return sender.post(alert)

    with ThreadPoolExecutor(len(senders)) as pool:
        return list(pool.map(post, senders))


class Burst:
    """Alerts that are all different, as fast as some senders can; each is sent once, whatever the answer."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.answered: dict[str, int] = {}  # dedup key → HTTP status
        self.unanswered: dict[str, str] = {}  # dedup key → how the connection ended
        self.slowest = 0.0  # seconds that an answer took
        self._numbers = itertools.count(1)
        self._over = threading.Event()

    def taken(self) -> set[str]:
        """The keys of all alerts that were answered 2xx."""
        return {key for key, status in list(self.answered.items()) if 200 <= status < 300}

    def send(self, web: Installation) -> None:
        """Post until it is over, or the connection breaks."""
        sender = Sender(web)
        while not self._over.is_set():
            key = f"{self.name}/{next(self._numbers)}"
            sent = time.monotonic()
            try:
                status, _ = sender.post({"title": f"Alert {key}", "dedup_key": key})
            except (OSError, http.client.HTTPException) as error:
                self.unanswered[key] = repr(error)
                return
            self.answered[key] = status
            self.slowest = max(self.slowest, time.monotonic() - sent)
        sender.close()

    def end(self) -> None:
        self._over.set()


@contextmanager
def burst(name: str, web: Installation, senders: int = 16) -> Iterator[Burst]:
    """A burst that goes on during the block, and has ended, every request accounted for, after it."""
    started = Burst(name)
    with ThreadPoolExecutor(senders) as pool:
        jobs = [pool.submit(started.send, web) for _ in range(senders)]
        try:
            yield started
        finally:
            started.end()
    for job in jobs:
        job.result()


def nothing_lost_and_nothing_twice(sent: Burst, database: psycopg.Connection) -> None:
    """Every alert that was answered 2xx is stored exactly once; of the others each at most once."""
    for table, each in (("incidents_alert", "count(*)"), ("incidents_incident", "sum(occurrences)")):
        query = f"SELECT dedup_key, {each} FROM {table} WHERE starts_with(dedup_key, %s) GROUP BY 1"
        stored = {key: int(count) for key, count in database.execute(query, [f"{sent.name}/"]).fetchall()}
        assert sent.taken() - stored.keys() == set(), f"answered, and not in {table}"
        assert {key: count for key, count in stored.items() if count != 1} == {}, f"more than once in {table}"
        assert stored.keys() <= sent.answered.keys() | sent.unanswered.keys()
