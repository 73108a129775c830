"""Two real processes over a real Redis share one limit, to the last request."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE

pytestmark = pytest.mark.proof

CALL = """
import django, sys
from datetime import UTC, datetime
django.setup()
from aiops.access import limits
from aiops.access.actors import Role
now = datetime(2026, 3, 19, 14, 30, 18, tzinfo=UTC)
sys.stdin.readline()  # both begin together
print(sum(not limits.check("k1", Role.OPERATOR, now).exceeded for _ in range(400)))
"""


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A private Redis that keeps nothing."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server on the PATH")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < deadline, "Redis did not start"
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(PATIENCE)


def test_two_processes_share_one_limit(redis_url: str) -> None:
    environment = {**os.environ, "REDIS_URL": redis_url, "DJANGO_SETTINGS_MODULE": "aiops.settings"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CALL], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    allowed = [int(process.communicate(timeout=PATIENCE)[0]) for process in processes]
    assert sum(allowed) == 500
    assert all(allowed)
