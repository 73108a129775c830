"""``python -m aiops manage …``: Django's management commands over this installation's database, whether the platform
runs or not.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from types import ModuleType

from django.core.management import execute_from_command_line

from aiops import env
from aiops.embedded import valkey
from aiops.embedded.datadir import AlreadyRunning, DataDir
from aiops.embedded.postgres import Postgres, binaries, url_of_running
from aiops.embedded.run import brings_its_own_database, data_root, ensure_secret_key


def manage(arguments: list[str], load: Callable[[], ModuleType]) -> int:
    """Run one of Django's commands; returns the exit status."""
    with ExitStack() as cleanup:
        if not brings_its_own_database():
            _open_database(cleanup)
        load()
        execute_from_command_line(["python -m aiops manage", *arguments])
    return 0


def _open_database(cleanup: ExitStack) -> None:
    """Point the environment at the private PostgreSQL; start it for as long as *cleanup* is open if nobody has."""
    try:
        data = DataDir(data_root())
    except AlreadyRunning:
        data = DataDir(data_root(), lock=False)
        os.environ["DATABASE_URL"] = url_of_running(data)
        os.environ["REDIS_URL"] = env.text("REDIS_URL") or valkey.url_of_running(data)
    else:
        postgres = Postgres(data)
        postgres.prepare()
        cleanup.callback(postgres.stop, 5.0)
        postgres.launch()
        postgres.wait_until_ready()
        postgres.ensure_database()
        os.environ["DATABASE_URL"] = postgres.url
    ensure_secret_key(data)
    os.environ["PATH"] = f"{binaries()}:{os.environ.get('PATH') or os.defpath}"  # psql for dbshell
