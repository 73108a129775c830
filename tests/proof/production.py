"""Production mode as a site runs it: two web, two workers, one beat, over a Redis and a database of their own."""

from __future__ import annotations

import contextlib
import re
import signal
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
from psycopg import sql

from tests.patience import PATIENCE
from tests.peers import PrivateRedis
from tests.proof.harness import ADMIN_PASSWORD, KEYED, fresh_database, kill_all_of, running
from tests.runtime.installation import Installation

SETTINGS = {
    **KEYED,
    "AIOPS_ENV": "production",
    "AIOPS_SECRET_KEY": "proof-of-production-0123456789abcdef0123456789abcdef",
    "AIOPS_SWEEP_SECONDS": "1",
    "AIOPS_DB_POOL": "8",
    "AIOPS_OUTBOUND_ALLOW": "127.0.0.1",
}


WAITS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@dataclass
class Production:
    """The processes; ``web[0]`` and ``web[1]`` serve the same, each on its own port."""

    environment: dict[str, str]
    redis: PrivateRedis
    web: list[Installation]
    workers: list[Installation]
    beat: Installation

    @property
    def database_url(self) -> str:
        return self.environment["DATABASE_URL"]

    def count(self, query: str, *parameters: object) -> int:
        """The number that *query* selects, read beside all of them."""
        with psycopg.connect(self.database_url) as connection:
            found = connection.execute(query, parameters).fetchone()  # type: ignore[arg-type]
        return int(found[0]) if found else 0

    def execute(self, statement: str, *parameters: object) -> int:
        """Run *statement* beside all of them; returns how many rows it changed. Raises ``LockNotAvailable`` rather than to wait
        for whoever waits behind :meth:`locked`."""
        with psycopg.connect(self.database_url, options="-c lock_timeout=5s") as connection:
            return connection.execute(statement, parameters).rowcount  # type: ignore[arg-type]

    @contextlib.contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Nobody gets past *table* during the block; who tries counts in ``WAITS``."""
        with psycopg.connect(self.database_url) as connection:
            connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(table)))
            yield

    def signal_redis(self, number: signal.Signals) -> None:
        assert self.redis._process is not None
        self.redis._process.send_signal(number)

    def kill_workers(self) -> None:
        """``kill -9`` to both and to all that they forked."""
        for worker in self.workers:
            assert worker.process is not None
            kill_all_of(worker.process)

    def start_workers(self) -> None:
        for worker in self.workers:
            worker.start()


@contextlib.contextmanager
def production(folder: Path, **more: str) -> Iterator[Production]:
    """All of it, answering; *more* is for the environment of each process."""
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        redis = PrivateRedis(folder)
        redis.start()
        stack.callback(redis.stop)
        database = stack.enter_context(fresh_database(f"aiops_proof_{uuid.uuid4().hex[:12]}"))
        environment = {**SETTINGS, "DATABASE_URL": database, "REDIS_URL": redis.url, **more}

        def start(name: str, *command: str) -> Installation:
            made = Installation(folder / name, command, **environment)
            return stack.enter_context(running(f"{name} of {folder.name}", made))

        migrate = Installation(folder / "migrate", ("migrate",), **environment)
        migrate.start()
        assert migrate.wait_until_ended() == 0, migrate.output
        web = [start(f"web-{n}", "web") for n in (1, 2)]
        workers = [start(f"worker-{n}", "worker", "--concurrency", "2") for n in (1, 2)]
        beat = start("beat", "beat")
        for process in web:
            process.wait_until_ready()
        yield Production(environment, redis, web, workers, beat)


def session_cookie(web: Installation) -> str:
    """Sign in as the administrator as a browser would; returns the ``Cookie`` header."""
    with httpx.Client(base_url=web.url, timeout=PATIENCE) as browser:
        form = browser.get("/console/login").text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
        assert token is not None
        filled = {"username": "admin", "password": ADMIN_PASSWORD, "csrfmiddlewaretoken": token[1]}
        assert browser.post("/console/login", data=filled).status_code == 302
        return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
