"""``python -m aiops run``: from nothing to a working installation, and down again in order."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import aiops
from aiops import env
from aiops.embedded.announce import progress
from aiops.embedded.datadir import DataDir
from aiops.embedded.postgres import Postgres
from aiops.embedded.serve import bind
from aiops.embedded.stopping import Stopping
from aiops.embedded.supervisor import Supervisor

HOME = Path(aiops.__path__[0]).parent


def data_root() -> Path:
    """The data directory, as the environment says."""
    return Path(env.text("AIOPS_DATA_DIR", str(HOME / "data"))).resolve()


def brings_its_own_stores() -> bool:
    """Whether the environment names the database (production must), so that there is no private one."""
    return bool(env.text("DATABASE_URL")) or env.text("AIOPS_ENV", "dev") == "production"


def ensure_secret_key(data: DataDir) -> None:
    """Give the settings the installation's own secret key, unless the environment brings one (production must)."""
    if not env.text("AIOPS_SECRET_KEY") and env.text("AIOPS_ENV", "dev") != "production":
        os.environ["AIOPS_SECRET_KEY"] = data.secret_key()


def run(stopping: Stopping, load: Callable[[], ModuleType]) -> int:
    """Everything in this process, over a private PostgreSQL unless DATABASE_URL names another; returns the exit status.

    *load* loads settings and apps and returns :mod:`aiops.embedded.application`; it is called once the environment is set.
    """
    data = DataDir(data_root())
    bound = bind(env.text("AIOPS_HOST", "127.0.0.1"), env.integer("AIOPS_PORT", 8888))
    os.environ["AIOPS_EMBEDDED"] = "1"
    ensure_secret_key(data)
    if brings_its_own_stores():
        return _serve(load(), stopping, bound)
    return _run_over(Postgres(data), load, stopping, bound)


def _run_over(postgres: Postgres, load: Callable[[], ModuleType], stopping: Stopping, bound: socket.socket) -> int:
    """The same over *postgres*, which is stopped at the end, whatever happens in between."""
    supervisor = Supervisor(postgres)
    stopping.last_resort = postgres.kill
    try:
        if postgres.data.is_new:
            progress(f"making a PostgreSQL database in {postgres.data.postgres}")
        postgres.prepare()
        stopping.check()
        progress("starting PostgreSQL")
        postgres.launch()
        os.environ["DATABASE_URL"] = postgres.url
        application = load()  # takes about as long as PostgreSQL
        postgres.wait_until_ready(stopping.check, progress)
        postgres.ensure_database()
        supervisor.start()
        return _serve(application, stopping, bound)
    finally:
        stopping.begin()
        supervisor.stop(max(0.1, stopping.seconds_left))


def _serve(application: ModuleType, stopping: Stopping, bound: socket.socket) -> int:
    application.check_configuration()
    application.wait_for_database(stopping.check)
    application.migrate(stopping.check)
    application.refuse_unready()
    return int(application.run_web(bound, stopping, embedded=True))
