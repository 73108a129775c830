"""A PostgreSQL for a test run on a machine that has none: the product's own embedded one, without its care for power cuts."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from aiops.embedded.datadir import DataDir
from aiops.embedded.postgres import Postgres

CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300"}


def start() -> str:
    """Start one for the life of this process and return its URL; the workers of pytest-xdist find it in the environment."""
    folder = Path(tempfile.mkdtemp(prefix="aiops-tests-"))
    data = DataDir(folder / "data")
    postgres = Postgres(data, CARELESS)
    postgres.prepare()
    postgres.launch()
    postgres.wait_until_ready()
    postgres.ensure_database()
    owner = os.getpid()

    def stop() -> None:
        if os.getpid() == owner:  # not in what a test forked
            postgres.stop(5.0)
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    os.environ["AIOPS_TEST_DATABASE_URL"] = postgres.admin_url
    return postgres.admin_url
