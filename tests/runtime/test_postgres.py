"""The private PostgreSQL: what its account may read, what our role may do, and installations of before."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import psycopg
import pytest

from aiops.embedded import postgres as embedded_postgres
from aiops.embedded import privileges
from aiops.embedded.datadir import DataDir
from aiops.embedded.failure import StartRefused
from aiops.embedded.postgres import Postgres
from tests.runtime.installation import Installation

pytestmark = pytest.mark.proof


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to hand on")
def test_root_hands_postgres_no_right_of_its_own(running: Installation, tmp_path: Path) -> None:
    secret = tmp_path / "roots"
    secret.write_text("of root")
    secret.chmod(0o600)
    status = Path(f"/proc/{running.postgres_pid()}/status").read_text()
    held = {line.split()[0]: int(line.split()[1], 16) for line in status.splitlines() if line.startswith("Cap")}
    assert [held[kind] for kind in ("CapInh:", "CapPrm:", "CapEff:", "CapAmb:")] == [0] * 4
    with running.database(admin=True) as connection:
        for file in (secret, running.data / "secret_key", Path("/etc/shadow")):
            with pytest.raises(psycopg.Error, match="Permission denied"):
                connection.execute("SELECT pg_read_file(%s)", [str(file)])


def test_our_role_owns_its_database_and_is_no_superuser(running: Installation) -> None:
    with running.database() as connection:
        found = connection.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        )
        assert found.fetchone() == (False, False, False)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT pg_read_file('postgresql.conf')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("COPY incidents_incident TO PROGRAM 'cat'")
        owners = connection.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'").fetchall()
        assert owners == [("aiops",)]


def test_an_installation_whose_role_was_the_superuser_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data directories of before: initdb made our role. Its tables stay, and are ours still."""
    data = DataDir(tmp_path / "data")
    postgres = Postgres(data)
    with monkeypatch.context() as before:
        before.setattr(embedded_postgres, "ADMIN", "aiops")
        before.setattr(data, "admin_password", data.database_password)
        postgres.prepare()
    postgres.launch()
    try:
        postgres.wait_until_ready()
        old = {"host": str(postgres.sockets), "user": "aiops", "passfile": str(data.passwords), "autocommit": True}
        with psycopg.connect(dbname="postgres", **old) as connection:
            connection.execute("CREATE DATABASE aiops")
        with psycopg.connect(dbname="aiops", **old) as connection:
            connection.execute(
                "CREATE TABLE kept (id bigint GENERATED ALWAYS AS IDENTITY, at date) PARTITION BY RANGE (at)"
            )
            connection.execute(
                "CREATE TABLE part PARTITION OF kept DEFAULT; INSERT INTO kept (at) VALUES ('2026-01-01')"
            )
            connection.execute("CREATE SEQUENCE numbers; CREATE VIEW seen AS SELECT * FROM kept")
        for _ in range(2):  # every start asks
            postgres.ensure_database()
        with psycopg.connect(dbname="aiops", **old) as connection:
            connection.execute("INSERT INTO kept (at) VALUES ('2026-01-02'); ALTER TABLE kept ADD COLUMN more text")
            connection.execute("SELECT nextval('numbers'); DROP VIEW seen; DROP TABLE kept")
            roles = "SELECT rolname, rolsuper FROM pg_roles WHERE rolname LIKE 'aiops%' ORDER BY 1"
            assert connection.execute(roles).fetchall() == [("aiops", False), ("aiops_admin", True)]
    finally:
        postgres.stop(5.0)
        data.release()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to hand PostgreSQL to another account")
def test_programs_in_a_closed_folder_are_copied_to_where_the_account_may_run_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    shutil.copytree(embedded_postgres.binaries().parent, closed / "pg", symlinks=True)
    closed.chmod(0o700)
    account = privileges.account_for(tmp_path / "none")
    with tempfile.TemporaryDirectory() as open_folder:
        os.chmod(open_folder, 0o755)
        monkeypatch.setattr(privileges, "PROGRAMS", (tmp_path / "closed" / "x", Path(open_folder) / "aiops"))
        for _ in range(2):
            found = privileges.reachable(account, closed / "pg", "bin/postgres")
            assert found.parent == Path(open_folder) / "aiops"
        assert len(list(found.parent.iterdir())) == 1
        monkeypatch.setattr(privileges, "PROGRAMS", (closed / "x",))
        with pytest.raises(StartRefused, match="Start as an ordinary user"):
            privileges.reachable(account, closed / "pg", "bin/postgres")
    assert privileges.reachable(None, closed / "pg", "bin/postgres") == closed / "pg"
