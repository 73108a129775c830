"""The first start makes everything, a second one finds it, and a start that can't be says why."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runtime.installation import Installation

pytestmark = pytest.mark.proof


def test_first_start_says_what_it_does_and_how_to_begin(first_start: Installation) -> None:
    said = first_start.output
    assert "making a PostgreSQL database" in said
    assert "bringing the tables up to date" in said
    assert first_start.said(r"password: (\S+)")
    assert first_start.said(r"\nrouting key: (\w{16,})\n") in first_start.said(r"try it:\n\s+(curl .*)")
    assert first_start.said(r"ready: (http://127\.0\.0\.1:\d+/console)")


def test_data_directory_is_private(first_start: Installation) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (first_start.data, *first_start.data.iterdir())}
    assert all(mode & 0o077 == 0 for mode in modes.values()), modes
    assert modes["data"] == 0o700
    assert modes["secret_key"] == modes["pgpass"] == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to hand PostgreSQL to another account")
def test_root_runs_postgres_as_somebody_else_below_closed_folders(running: Installation) -> None:
    assert stat.S_IMODE(running.data.parent.stat().st_mode) & 0o077 == 0  # pytest's own folder, closed to that account
    pid = running.postgres_pid()
    assert pid is not None
    assert Path(f"/proc/{pid}").stat().st_uid == (running.data / "postgres").stat().st_uid != 0
    assert running.data.stat().st_uid == 0


def test_postgres_takes_no_tcp_and_no_stranger(running: Installation) -> None:
    import psycopg

    with running.database() as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(host=str(running.data / "run"), user="aiops", dbname="aiops")


def test_second_start_makes_nothing_anew_and_keeps_everything(
    first_start: Installation, copy_of: Callable[..., Installation]
) -> None:
    installation = copy_of()
    installation.start()
    installation.wait_until_ready()
    assert "making a PostgreSQL database" not in installation.output
    assert "password:" not in installation.output
    assert first_start.said(r"routing key: (\S+)") not in installation.output, "it is told once"
    with installation.database() as connection:
        assert connection.execute("SELECT title, occurrences FROM incidents_incident").fetchall() == [
            ("CPU usage above 90%", 1)
        ]


def test_second_process_on_one_data_directory_is_refused(running: Installation) -> None:
    second = Installation(running.data)
    second.start()
    assert second.wait_until_ended() == 2
    assert running.process is not None
    assert f"Another aiops (process {running.process.pid}) is running on {running.data}" in second.output
    assert running.get("/readyz").status_code == 200


def test_busy_port_is_named(running: Installation, copy_of: Callable[..., Installation]) -> None:
    port = running.url.rpartition(":")[2]
    second = copy_of(AIOPS_PORT=port)
    second.start()
    assert second.wait_until_ended() == 2
    assert f"Port {port} on 127.0.0.1 is in use" in second.output
    assert second.postgres_pid() is None


def test_socket_moves_when_the_path_is_too_long(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as runtime:
        installation = Installation(tmp_path / "long name" / ("x" * 100) / "data", XDG_RUNTIME_DIR=runtime)
        installation.start()
        try:
            installation.wait_until_ready()
            moved = list(Path(runtime).iterdir())
            assert sorted(path.name.rpartition("-")[0] for path in moved) == ["aiops-run", "aiops-valkey"]
            assert {stat.S_IMODE(path.stat().st_mode) for path in moved} == {0o700}
            assert not any((installation.data / name).exists() for name in ("run", "valkey"))
            assert installation.stop() == 0
            assert not any(path.exists() for path in moved)
        finally:
            installation.clean_up()


def test_unusable_data_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    installation = Installation(tmp_path / "file" / "data")
    installation.start()
    assert installation.wait_until_ended() == 2
    assert f"The data directory {tmp_path / 'file' / 'data'} can't be used" in installation.output


@pytest.mark.parametrize("command", ["run", "web", "worker", "beat"])
def test_production_refuses_without_its_settings(command: str, tmp_path: Path) -> None:
    installation = Installation(tmp_path / "data", (command,), AIOPS_ENV="production")
    installation.start()
    assert installation.wait_until_ended() == 2
    assert "AIOPS_SECRET_KEY is not set" in installation.output
    assert "DATABASE_URL is not set" in installation.output
    assert not (tmp_path / "data" / "postgres").exists()


def test_interrupted_first_start_is_taken_up_again(tmp_path: Path) -> None:
    """initdb killed half-way, a stop while setting up: the next start begins where it can."""
    installation = Installation(tmp_path / "data")
    half_made = tmp_path / "data" / "postgres.new"
    half_made.mkdir(parents=True, mode=0o700)
    (half_made / "PG_VERSION").write_text("18\n")
    try:
        installation.start()
        while "starting PostgreSQL" not in installation.output:
            assert installation.process is not None and installation.process.poll() is None, installation.output
        assert installation.stop() == 0
        assert installation.postgres_pid() is None
        installation.start()
        installation.wait_until_ready()
        assert not half_made.exists()
    finally:
        installation.clean_up()


def test_note_of_a_process_that_is_somebody_else_by_now(copy_of: Callable[..., Installation]) -> None:
    """After a power cut in a container, PostgreSQL's old process id is often that of another program of the same user."""
    installation = copy_of()
    files = installation.data / "postgres"
    stranger = subprocess.Popen(["sleep", "60"], user=files.stat().st_uid if os.geteuid() == 0 else None)
    try:
        (files / "postmaster.pid").write_text(f"{stranger.pid}\n{files}\n1\n5432\n\n\n\nready\n")
        installation.start()
        installation.wait_until_ready()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_django_commands_reach_the_database_whether_it_runs_or_not(copy_of: Callable[..., Installation]) -> None:
    installation = copy_of()

    def users() -> str:
        script = "from aiops.access.models import User; print('users:', User.objects.count())"
        command = Installation(installation.data, ("manage", "shell", "--verbosity=0", "--command", script))
        command.start()
        assert command.wait_until_ended() == 0, command.output
        return command.said(r"users: (\d+)")

    assert users() == "1"
    assert installation.postgres_pid() is None
    installation.start()
    installation.wait_until_ready()
    assert users() == "1"
    assert installation.get("/readyz").status_code == 200
