"""The commands of the runtime on a loaded Django: migrate, serve, work. Import it after ``django.setup()``."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from celery.signals import beat_init, worker_ready
from django.conf import settings
from django.core import checks
from django.core.management import call_command
from django.core.management.commands.migrate import Command as MigrateCommand
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from aiops import process
from aiops.access import keyring
from aiops.access.checks import missing_for_production
from aiops.access.devmode import dev_mode
from aiops.celery import app as celery_app
from aiops.celery import beat_schedule
from aiops.embedded.announce import Welcome, announce_password, progress, welcome
from aiops.embedded.failure import StartRefused
from aiops.embedded.serve import serve, url_of
from aiops.embedded.stopping import Stopping
from aiops.kernel.clock import utcnow
from aiops.kernel.memory import Trimmer
from aiops.kernel.timekeeper import Timekeeper
from aiops.probes import ask_database
from incidents.catalogue.services.bootstrap import Installation, ensure_installation
from notifications.escalation.services import defaults

WEB_STATEMENT_SECONDS = 30
DATABASE_PATIENCE = 30.0  # seconds that a start waits for a PostgreSQL


def check_configuration() -> None:
    """Raises :class:`StartRefused` with the system checks that failed, each saying how to mend it."""
    errors = [message for message in checks.run_checks() if message.is_serious() and not message.is_silenced()]
    if errors:
        raise StartRefused("\n".join(f"{error.msg} {error.hint or ''} ({error.id})" for error in errors))


def wait_for_database(check: Callable[[], None]) -> None:
    """Wait until the database answers; *check* may raise to give up. Raises :class:`StartRefused` with its last word."""
    deadline = time.monotonic() + DATABASE_PATIENCE
    told = False
    while True:
        try:
            ask_database()
            return
        except psycopg.Error as error:
            if time.monotonic() > deadline:
                raise StartRefused(f"The database does not answer: {str(error).strip()} Check DATABASE_URL.") from None
            if not told:
                progress(f"waiting for the database: {str(error).strip()}")
                told = True
            check()
            time.sleep(0.2)


def tables_are_current() -> bool:
    """Whether every migration of this version has run."""
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


class _Migrate(MigrateCommand):
    """Django's command, with a question before each step."""

    def __init__(self, check: Callable[[], None]) -> None:
        super().__init__()
        self._check = check

    def migration_progress_callback(self, action: str, migration: object = None, fake: bool = False) -> None:
        self._check()
        super().migration_progress_callback(action, migration, fake)


def migrate(check: Callable[[], None] = lambda: None) -> None:
    """Bring the tables up to date if they are not. Processes that do this at the same time take turns.

    *check* is called between two steps and may raise to give up; the next start goes on from there.
    """
    if tables_are_current():
        return
    progress("bringing the tables up to date")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('aiops.migrate'))")
        try:
            call_command(_Migrate(check), interactive=False, verbosity=0)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtext('aiops.migrate'))")


def refuse_unready() -> None:
    """Raises :class:`StartRefused` when production lacks something it can't do without, or the tables are of another version."""
    if missing := missing_for_production():
        raise StartRefused("\n".join(missing))
    if not tables_are_current():
        raise StartRefused("The tables are not those of this version; run: python -m aiops migrate")


def make_installation() -> Installation:
    """Make what a first start needs; a password that had to be made is told at once, since it is never seen again."""
    now = utcnow()
    installation = ensure_installation(now=now)
    defaults.ensure_all(now)
    if installation.admin_password:
        announce_password(installation.admin_password)
    return installation


def run_migrate() -> int:
    """The command of that name."""
    migrate()
    make_installation()
    progress("the tables are up to date")
    return 0


def set_up(bound: socket.socket) -> Callable[[], None]:
    """Make what a first start needs; returns what tells the person at the terminal how to begin."""
    installation = make_installation()
    keyring.refresh()  # dev mode is a question about keys
    facts = Welcome(
        url=url_of(bound),
        version=settings.VERSION,
        routing_key=installation.routing_key if installation.created and not settings.PRODUCTION else "",
        dev_mode=dev_mode(),
    )
    return lambda: welcome(facts)


def run_web(bound: socket.socket, stopping: Stopping, ready: Callable[[], None]) -> int:
    """Serve until we are asked to stop; *ready* is called once we answer. Returns the exit status."""
    connections.close_all()
    stopping.check()
    # No page or command works for half a minute; what does is stuck, and holds a connection that others need.
    options: Any = settings.DATABASES["default"]["OPTIONS"]
    options["options"] = f"{options.get('options', '')} -c statement_timeout={WEB_STATEMENT_SECONDS * 1000}".strip()
    process.parts[:] = [Timekeeper(), Trimmer()]
    return 0 if serve(bound, stopping, ready) else 1


def run_worker(queues: Sequence[str], concurrency: int, ready: Callable[[], None] = lambda: None) -> int:
    """A Celery worker over Redis, with processes of its own; returns when it was asked to stop."""
    _need_redis()
    leave_no_connection()
    worker_ready.connect(_stop_or(ready), weak=False)
    name = f"{'-'.join(queues)}-{os.getpid()}@%h"
    arguments = [
        "--quiet",
        "worker",
        f"--queues={','.join(queues)}",
        f"--concurrency={concurrency}",
        f"--hostname={name}",
    ]
    arguments += ["--loglevel=WARNING", "--without-gossip", "--without-mingle"]
    progress(f"worker for {' and '.join(queues)}, {concurrency} processes")
    # On a lost connection Celery asks for a decision that we have taken: running tasks go on, since intent is a row.
    warnings.filterwarnings("ignore", "You're running the worker with superuser privileges")  # docs/running.md says it
    logging.getLogger("py.warnings").addFilter(lambda record: "CPendingDeprecationWarning" not in record.getMessage())
    celery_app.start(arguments)
    return 0


def run_beat(ready: Callable[[], None] = lambda: None) -> int:
    """The Celery beat over Redis (exactly one of these must run); returns when it was asked to stop."""
    _need_redis()
    leave_no_connection()
    beat_init.connect(_stop_or(ready), weak=False)
    progress("beat")
    celery_app.conf.beat_schedule = beat_schedule()
    celery_app.start(["--quiet", "beat", "--loglevel=WARNING", "--pidfile="])
    return 0


def _stop_or(ready: Callable[[], None]) -> Callable[..., None]:
    """What Celery calls once it listens for signals: a stop that was asked for before that is asked for again."""

    def listening(**_: object) -> None:
        if process.stopping.is_set():
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            ready()

    return listening


def _need_redis() -> None:
    if not settings.REDIS_URL:
        raise StartRefused("web, worker and beat reach each other through Redis; set REDIS_URL=redis://host:6379/0.")


def leave_no_connection() -> None:
    """Close every connection to the database and the threads of their pools: processes that are forked could not share them."""
    for opened in connections.all(initialized_only=True):
        opened.close()
        if hasattr(opened, "close_pool"):
            opened.close_pool()
