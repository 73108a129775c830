"""Two real processes over a real Redis share one limit, to the last request."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tests.peers import PrivateRedis

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
    private = PrivateRedis(tmp_path)
    private.start()
    yield private.url
    private.stop()


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
