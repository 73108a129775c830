"""The command line of the platform: ``python -m aiops <command>`` (docs/running.md)."""

from __future__ import annotations

import argparse
import os
import sys
from types import ModuleType

import django

from aiops import env
from aiops.embedded.announce import progress, say
from aiops.embedded.failure import StartRefused
from aiops.embedded.manage import manage
from aiops.embedded.run import run
from aiops.embedded.serve import bind
from aiops.embedded.stopping import Interrupted, Stopping, leave
from aiops.kernel.memory import few_arenas


def load() -> ModuleType:
    """Load the settings, which read the environment as it is now, and the apps."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiops.settings")
    django.setup()
    from aiops.embedded import application  # noqa: PLC0415 - its imports need what was loaded just above

    return application


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line; an unknown command ends the process with a list of those that exist."""
    parser = argparse.ArgumentParser(prog="python -m aiops", description="The incident platform.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    commands.add_parser(
        "run", help="everything on this machine: web, workers and beat over a private PostgreSQL and Valkey"
    )
    commands.add_parser("migrate", help="bring the tables of DATABASE_URL up to date and make what a first start needs")
    commands.add_parser(
        "web", help="a web process over DATABASE_URL and REDIS_URL; several may run, each on its AIOPS_PORT"
    )
    worker = commands.add_parser("worker", help="a worker over DATABASE_URL and REDIS_URL; several may run")
    worker.add_argument("--queues", default="paging,long", help="paging, long or both (%(default)s)")
    worker.add_argument("--concurrency", type=int, default=4, help="tasks at a time (%(default)s)")
    commands.add_parser("beat", help="the clock of the workers; exactly one must run")
    django_command = commands.add_parser(
        "manage", help="one of Django's commands over this installation's database", add_help=False
    )
    django_command.add_argument("arguments", nargs=argparse.REMAINDER)
    return parser.parse_args(arguments)


def start(options: argparse.Namespace) -> int:
    """Do what the command line says; returns the exit status."""
    if options.command == "manage":
        return manage(options.arguments, load)
    stopping = Stopping()
    if options.command == "run":
        return run(stopping, load)
    bound = None
    if options.command == "web":
        bound = bind(env.text("AIOPS_HOST", "127.0.0.1"), env.integer("AIOPS_PORT", 8888))
    application = load()
    application.check_configuration()
    application.wait_for_database(stopping.check)
    if options.command == "migrate":
        return int(application.run_migrate())
    application.refuse_unready()
    if bound is not None:
        welcome = application.set_up(bound)
        return int(application.run_web(bound, stopping, welcome))
    if options.command == "worker":
        return int(application.run_worker(options.queues.split(","), options.concurrency))
    return int(application.run_beat())


def main(arguments: list[str]) -> int:
    """Run a command to its end; returns the exit status: 0 also after being asked to stop, 2 when the start is refused."""
    options = parse(arguments)
    few_arenas()
    try:
        return start(options)
    except StartRefused as refusal:
        sys.stderr.write(f"aiops can't start. {refusal}\n")
        return 2
    except PermissionError as error:
        sys.stderr.write(f"aiops can't start. User {os.geteuid()} may not use {error.filename} ({error.strerror}).\n")
        return 2
    except Interrupted:
        say("")
        progress("stopped")
        return 0


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
