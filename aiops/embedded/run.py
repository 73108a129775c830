"""``python -m aiops run``: sets up the installation, starts it, and stops it in order."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

import aiops
from aiops import env, process
from aiops.embedded.announce import progress
from aiops.embedded.children import Child
from aiops.embedded.datadir import DataDir
from aiops.embedded.postgres import Postgres
from aiops.embedded.serve import bind
from aiops.embedded.stopping import Stopping
from aiops.embedded.supervisor import Supervisor
from aiops.embedded.valkey import Valkey

HOME = Path(aiops.__path__[0]).parent
WORKERS = {"paging": 2, "long": 2}  # processes for each queue


def data_root() -> Path:
    """The data directory, as the environment says."""
    return Path(env.text("AIOPS_DATA_DIR", str(HOME / "data"))).resolve()


def brings_its_own_database() -> bool:
    """Whether the environment names the database (production must), so that there is no private one."""
    return bool(env.text("DATABASE_URL")) or env.text("AIOPS_ENV", "dev") == "production"


def ensure_secret_key(data: DataDir) -> None:
    """Give the settings the installation's own secret key, unless the environment brings one (production must)."""
    if not env.text("AIOPS_SECRET_KEY") and env.text("AIOPS_ENV", "dev") != "production":
        os.environ["AIOPS_SECRET_KEY"] = data.secret_key()


def run(stopping: Stopping, load: Callable[[], ModuleType]) -> int:
    """Web, workers and beat, over a private PostgreSQL and Valkey unless DATABASE_URL and REDIS_URL name others.

    *load* loads settings and apps and returns :mod:`aiops.embedded.application`; it is called once the environment is set.
    Returns the exit status.
    """
    process.name = "supervisor"
    data = DataDir(data_root())
    bound = bind(env.text("AIOPS_HOST", "127.0.0.1"), env.integer("AIOPS_PORT", 8888))
    ensure_secret_key(data)
    supervisor = Supervisor(stopping)
    try:
        application = _bring_up(data, supervisor, stopping, load)
        application.check_configuration()
        application.wait_for_database(supervisor.look)
        application.migrate(supervisor.look)
        application.refuse_unready()
        welcome = application.set_up(bound)
        application.leave_no_connection()
        supervisor.look()
        return supervisor.run(_children(application, data, bound), welcome)
    finally:
        stopping.begin()
        bound.close()
        supervisor.stop()


def _bring_up(data: DataDir, supervisor: Supervisor, stopping: Stopping, load: Callable[[], ModuleType]) -> ModuleType:
    """Start the servers that the environment does not name, and load the application meanwhile."""
    valkey = None if env.text("REDIS_URL") else Valkey(data)
    postgres = None if brings_its_own_database() else Postgres(data)
    if postgres is not None:
        if data.is_new:
            progress(f"making a PostgreSQL database in {data.postgres}")
        postgres.prepare()
        stopping.check()
        progress("starting PostgreSQL")
        postgres.launch()
        supervisor.serve("PostgreSQL", postgres)
        os.environ["DATABASE_URL"], os.environ["AIOPS_EMBEDDED"] = postgres.url, "1"
    if valkey is not None:
        valkey.launch()
        supervisor.serve("Valkey", valkey)
        os.environ["REDIS_URL"] = valkey.url
    application = load()  # takes about as long as PostgreSQL
    if postgres is not None:
        postgres.wait_until_ready(stopping.check, progress)
        postgres.ensure_database()
    return application


def _children(application: ModuleType, data: DataDir, bound: socket.socket) -> list[Child]:
    """The processes, in the order in which they start."""

    def let_go() -> None:
        data.release()
        bound.close()

    children = [Child("web", lambda stopping, ready: application.run_web(bound, stopping, ready), data.release)]
    for queue, processes in WORKERS.items():
        work = partial(_work, application, queue, processes)
        children.append(Child(f"worker {queue}", work, let_go))
    children.append(Child("beat", lambda stopping, ready: application.run_beat(ready), let_go))
    return children


def _work(application: ModuleType, queue: str, processes: int, stopping: Stopping, ready: Callable[[], None]) -> int:
    return int(application.run_worker([queue], processes, ready))
