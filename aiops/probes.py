"""Health probes: database, cache, disk, paging. Each has a short time limit, and callers within a second share one
result.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import psycopg
import redis
from django.conf import settings
from django.db import Error as DatabaseFailure
from django.db import connection

from aiops import process
from aiops.kernel.clock import utcnow
from notifications.watch.selectors.standing import Standing, standing

log = logging.getLogger(__name__)

MAX_AGE = 1.0  # seconds that an answer is kept
SECONDS = 2  # that a database may take to let us in; it gets half of them to answer
LENDS_WITHIN = 1.0  # seconds that the pool of connections may take to lend one
FULL, NEARLY_FULL = (
    16 * 1024 * 1024,
    256 * 1024 * 1024,
)  # bytes that are free; a segment of PostgreSQL's log takes 16 MiB
PAGING_AGE = 5.0  # seconds that good news of paging is kept
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
    """A question to something else that raises when the answer is no; *cause* says what is so then.

    Everybody may read what was found, so the cause names only what is away; why is told in the log, once per change.
    """

    def __init__(self, cause: str, ask: Callable[[], None]) -> None:
        self._cause = cause
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
            cause = self._cause
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


def _ask_connections() -> None:
    """Raises ``psycopg.Error`` when the pool that requests use lends nothing within a second."""
    pool = getattr(connection, "pool", None)
    if pool is not None:
        with pool.connection(timeout=LENDS_WITHIN):
            return


database = Probe("the database does not answer", ask_database)
shared_cache = Probe("the cache does not answer", _ask_cache)
connections = Probe("no database connection is free", _ask_connections)


class _PagingProbe:
    """How paging stands, as the database says it; asked at most once in a few seconds, so that every page may say it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found = Standing(None)
        self._found_at: float | None = None

    def __call__(self) -> Standing:
        with self._lock:
            age = PAGING_AGE if self._found.ok else MAX_AGE  # good news may be old, bad news not
            if self._found_at is None or time.monotonic() - self._found_at > age:
                self._found = self._find()
                self._found_at = time.monotonic()
            return self._found

    def forget(self) -> None:
        """Ask anew the next time (tests)."""
        self._found_at = None

    def _find(self) -> Standing:
        if cause := database().cause or connections().cause:
            return Standing(self._found.proven_at, stopped=cause)
        try:
            return standing(utcnow(), timedelta(seconds=process.uptime()))
        except DatabaseFailure as error:
            log.warning("how paging stands is not known: %s", error)
            return Standing(self._found.proven_at, stopped="the database does not answer")


paging = _PagingProbe()


def disk() -> str:
    """What is wrong with the disk of the data directory, if anything is kept there: "", nearly full, or full."""
    if not settings.EMBEDDED:
        return ""
    try:
        free = shutil.disk_usage(settings.AIOPS_DATA_DIR).free
    except OSError:
        return "the data directory can't be read"
    if free < FULL:
        return "the disk is full"
    return "the disk is nearly full" if free < NEARLY_FULL else ""


def not_ready() -> str:
    """Why requests had better go elsewhere, in words; "" when they are welcome."""
    if process.stopping.is_set():
        return "the server is stopping"
    if cause := database().cause or connections().cause:
        return cause
    if stopped := paging().stopped:
        return f"paging is late: {stopped}"
    full = disk()
    return full if full and full != "the disk is nearly full" else ""
