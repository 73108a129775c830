"""Parts of the runtime that need no process to be shown."""

from __future__ import annotations

import json
import logging
import os
import shlex
import stat
from pathlib import Path

import pytest

from aiops.celery import OneLine
from aiops.embedded.announce import try_it
from aiops.embedded.datadir import DataDir, private_folder
from aiops.embedded.failure import StartRefused
from aiops.embedded.postgres import binaries
from aiops.embedded.serve import bind
from aiops.origins import is_ours


@pytest.mark.parametrize(
    ("origin", "host", "ours"),
    [
        ("", "aiops.example", True),  # a tool
        ("http://127.0.0.1:8888", "127.0.0.1:8888", True),
        ("http://aiops.example", "aiops.example", True),
        ("https://aiops.example", "aiops.example:443", True),
        ("https://aiops.example", "internal:8888", True),  # behind a proxy: AIOPS_PUBLIC_URL
        ("http://127.0.0.1:9999", "127.0.0.1:8888", False),
        ("http://evil.example", "127.0.0.1:8888", False),
        ("http://127.0.0.1.evil.example:8888", "127.0.0.1:8888", False),
        ("null", "127.0.0.1:8888", False),
        ("http://[broken", "127.0.0.1:8888", False),
        ("http://a:port", "a", False),
        ("http://evil.example", "", False),
    ],
)
def test_origin(origin: str, host: str, ours: bool) -> None:
    assert is_ours(origin, host, ["https://aiops.example"]) is ours


def test_command_to_try_survives_a_shell() -> None:
    words = shlex.split(try_it("http://127.0.0.1:8888", "key", dev_mode=True))
    assert words[:4] == ["curl", "-X", "POST", "http://127.0.0.1:8888/api/events"]
    assert json.loads(words[-1])["routing_key"] == "key"
    assert "Authorization" not in " ".join(words)
    assert "Bearer YOUR_API_KEY" in try_it("http://127.0.0.1:8888", "key", dev_mode=False)


def test_data_directory_is_locked_and_its_secrets_stay(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "a" / "data")
    assert stat.S_IMODE(data.root.stat().st_mode) == 0o700
    key, password = data.secret_key(), data.database_password("aiops")
    with pytest.raises(StartRefused, match=f"process {os.getpid()}"):
        DataDir(data.root)
    data.release()
    again = DataDir(data.root)
    assert (again.secret_key(), again.database_password("aiops")) == (key, password)
    assert (data.root / "pgpass").read_text() == f"*:*:*:aiops:{password}\n"
    again.release()


def test_key_file_that_a_crash_left_empty_is_made_anew(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    (tmp_path / "secret_key").touch()
    assert len(data.secret_key()) > 40
    data.release()


def test_folder_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    DataDir(tmp_path).release()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_strange_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "open").chmod(0o755)
    (tmp_path / "link").symlink_to(tmp_path / "open")
    (tmp_path / "file").touch()
    for name in ("open", "link", "file"):
        with pytest.raises(StartRefused, match="not a private folder of ours"):
            private_folder(tmp_path / name, None)
    assert private_folder(private_folder(tmp_path / "new", None), None) == tmp_path / "new"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    folder = private_folder(tmp_path / "theirs", None)
    os.chown(folder, 65534, 65534)
    with pytest.raises(StartRefused, match="not a private folder of ours"):
        private_folder(folder, None)


def test_database_of_another_major_version_is_refused() -> None:
    assert (binaries() / "initdb").exists()
    with pytest.raises(StartRefused, match="PostgreSQL 9"):
        binaries("9")


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("127.0.0.1", 99999, "between 0 and 65535"),
        ("203.0.113.7", 0, "AIOPS_HOST"),
        ("no.such.host.invalid", 0, "AIOPS_HOST"),
    ],
)
def test_address_that_can_not_be_ours(host: str, port: int, words: str) -> None:
    with pytest.raises(StartRefused, match=words):
        bind(host, port)


def test_beat_tells_a_lost_ring_in_one_line() -> None:
    record = logging.makeLogRecord(
        {"msg": "Message Error: %s\n%s", "args": ("refused", "stack"), "exc_info": (None, None, None)}
    )
    assert OneLine().filter(record)
    assert (record.getMessage(), record.exc_info) == ("refused", None)
