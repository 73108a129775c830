"""Is what we lean on there? Each probe has a short time limit of its own and is shared by all who ask within a second."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import psycopg
import redis
from django.conf import settings

log = logging.getLogger(__name__)

MAX_AGE = 1.0  # seconds that an answer is kept
SECONDS = 2  # that a database may take to let us in; it gets half of them to answer
OUR_OPTIONS = {"pool", "prepare_threshold", "server_side_binding"}  # of Django, unknown to libpq


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe found. *cause* is empty when all is well; *latency* is in milliseconds."""

    latency: float
    cause: str = ""

    @property
    def ok(self) -> bool:
        return not self.cause


class Probe:
    """A question to something else that raises when the answer is no.

    Everybody may read what was found, so the cause names only *what* is away; why is told in the log, once per change.
    """

    def __init__(self, what: str, ask: Callable[[], None]) -> None:
        self._what = what
        self._ask = ask
        self._lock = threading.Lock()
        self._found = Finding(0.0)
        self._found_at: float | None = None

    def __call__(self) -> Finding:
        """What is so now, or was at most a second ago."""
        with self._lock:
            if self._found_at is None or time.monotonic() - self._found_at > MAX_AGE:
                self._found = self._find(self._found)
                self._found_at = time.monotonic()
            return self._found

    def forget(self) -> None:
        """Ask anew the next time (tests)."""
        self._found_at = None

    def _find(self, before: Finding) -> Finding:
        began = time.perf_counter()
        cause = ""
        try:
            self._ask()
        except (psycopg.Error, redis.RedisError, OSError) as error:
            cause = f"{self._what} does not answer"
            if before.ok:
                log.warning("%s: %s", cause, error)
        return Finding(round((time.perf_counter() - began) * 1000, 1), cause)


def ask_database() -> None:
    """Raises ``psycopg.Error`` when PostgreSQL does not answer.

    Over a connection of its own: those of the pool may all be waiting for the database already.
    """
    database: dict[str, Any] = settings.DATABASES["default"]
    options = {name: value for name, value in database["OPTIONS"].items() if name not in OUR_OPTIONS}
    named = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    place = {name: database[key] for name, key in named.items() if database.get(key)}
    limit = {"connect_timeout": SECONDS, "options": f"-c statement_timeout={SECONDS * 500}"}
    with psycopg.connect(**{**options, **place, **limit}) as connection:
        connection.execute("SELECT 1")


def _ask_cache() -> None:
    if settings.REDIS_URL:
        redis_client().ping()


@cache
def redis_client() -> redis.Redis:
    """A client that does not wait for long."""
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


database = Probe("the database", ask_database)
shared_cache = Probe("the cache", _ask_cache)
