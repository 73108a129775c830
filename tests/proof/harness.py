"""Real programs for the proofs: each in a folder and on a port of its own, its output kept, all of them ended at the end.

Nothing here sleeps for a while and hopes: whoever waits asks for a condition, with a deadline (:func:`eventually`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, urlencode

import httpx
import psycopg
from django.conf import settings
from psycopg import sql

from tests.patience import PATIENCE
from tests.peers import need
from tests.runtime.installation import Installation

T = TypeVar("T")

ADMIN_KEY, OPERATOR_KEY, VIEWER_KEY = "proof-admin-5e0d7c1b", "proof-operator-771bc02e", "proof-viewer-90aa4f32"
ADMIN_PASSWORD = "a long way to the top"
SIGN_IN = {"AIOPS_ADMIN_PASSWORD": ADMIN_PASSWORD}
KEYED = {"AIOPS_API_KEYS": f"{ADMIN_KEY}:admin,{OPERATOR_KEY}:operator,{VIEWER_KEY}:viewer", **SIGN_IN}


class Told(Protocol):
    """Something that was started, and whose words help when a proof fails."""

    process: subprocess.Popen[Any] | None

    @property
    def output(self) -> str: ...


on_stage: dict[str, Told] = {}  # what runs right now, by name; a failure shows what each of them said (conftest.py)


def eventually(what: str, condition: Callable[[], T | None], seconds: float = PATIENCE, pause: float = 0.02) -> T:
    """Ask *condition* until it gives something true, and return that; fails after *seconds*, naming *what* did not come.

    A server that does not answer (yet) is a "no".
    """
    deadline = time.monotonic() + seconds
    while True:
        found: T | None = None
        with contextlib.suppress(httpx.TransportError):
            found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:g} s (the last answer was {found!r})")
        time.sleep(pause)


@contextlib.contextmanager
def program(name: str, folder: Path, *arguments: str) -> Iterator[Path]:
    """Run an installed program for the length of the block; gives the file that it writes its output to."""
    folder.mkdir(parents=True, exist_ok=True)
    said = folder / f"{name}.log"
    with open(said, "wb") as output:
        process = subprocess.Popen(
            [need(name), *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    on_stage[name] = Program(process, said)
    try:
        yield said
    finally:
        on_stage.pop(name)
        kill_all_of(process)


@dataclass
class Program:
    """An installed program that was started."""

    process: subprocess.Popen[Any] | None
    said: Path

    @property
    def output(self) -> str:
        return self.said.read_text(errors="replace")


def kill_all_of(process: subprocess.Popen[Any]) -> None:
    """``kill -9`` to a process and all that it forked (it leads a session of its own)."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def running(name: str, installation: Installation) -> Iterator[Installation]:
    """One of our processes for the length of the block: started, not waited for, and gone afterwards with all that it started."""
    installation.start()
    on_stage[name] = installation
    try:
        yield installation
    finally:
        on_stage.pop(name)
        if installation.process is not None:
            kill_all_of(installation.process)
        installation.clean_up()


@contextlib.contextmanager
def embedded(name: str, folder: Path, **environment: str) -> Iterator[Installation]:
    """``python -m aiops run`` over a private PostgreSQL, answering."""
    with running(name, Installation(folder / "data", **environment)) as installation:
        installation.wait_until_ready()
        yield installation


@contextlib.contextmanager
def fresh_database(name: str) -> Iterator[str]:
    """An empty database on the PostgreSQL of the tests; gives its ``DATABASE_URL`` and drops it afterwards."""
    server = settings.DATABASES["default"]
    beside = {word: server["OPTIONS"][word] for word in ("passfile",) if word in server["OPTIONS"]}
    with psycopg.connect(
        host=server["HOST"], port=server["PORT"] or None, user=server["USER"] or None,
        password=server["PASSWORD"] or None, dbname="postgres", autocommit=True, **beside,
    ) as connection:  # fmt: skip
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            who = ":".join(quote(server[word], safe="") for word in ("USER", "PASSWORD") if server[word])
            port = f":{server['PORT']}" if server["PORT"] else ""
            options = urlencode({"host": server["HOST"], **beside}, quote_via=quote)
            yield f"postgresql://{who}@{port}/{name}?{options}"
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def caller(installation: Installation, key: str = ADMIN_KEY) -> httpx.Client:
    """A client of its REST APIs."""
    return httpx.Client(base_url=installation.url, headers={"X-API-Key": key}, timeout=PATIENCE)
