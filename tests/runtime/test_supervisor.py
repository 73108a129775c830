"""``python -m aiops run`` keeps web, workers, beat, PostgreSQL and Valkey running, whatever ends, and stops them together."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import redis

from aiops.embedded import valkey
from aiops.embedded.failure import StartRefused
from tests.runtime.installation import Installation, is_alive, wait_for

pytestmark = pytest.mark.proof

PROCESSES = ("web", "worker paging", "worker long", "beat")
EVERYTHING = ("PostgreSQL", "Valkey", *PROCESSES)


def family(installation: Installation) -> list[psutil.Process]:
    """It and all that it started."""
    assert installation.process is not None
    head = psutil.Process(installation.process.pid)
    return [head, *head.children(recursive=True)]


@pytest.mark.parametrize("name", EVERYTHING)
def test_whatever_is_killed_is_started_again_and_shown(name: str, running: Installation) -> None:
    before = running.pid_of(name)
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: f"{name} (process {before}) was ended by signal 9; it is started again" in running.output)
    wait_for(lambda: running.pid_of(name) != before)
    assert is_alive(running.pid_of(name))
    wait_for(lambda: running.get("/health").json()["status"] == "ok")
    assert running.post("/webhook", json={"title": f"After {name}"}).is_success


def test_log_names_the_process_that_wrote(running: Installation) -> None:
    os.kill(running.pid_of("Valkey"), signal.SIGKILL)
    wait_for(lambda: "[worker paging]" in running.output and "[supervisor]" in running.output)


def test_nothing_outlives_a_stop(running: Installation) -> None:
    everybody = family(running)
    assert len(everybody) >= 1 + len(EVERYTHING)
    assert running.stop() == 0
    assert [process for process in everybody if process.is_running() and process.status() != "zombie"] == []


def test_processes_end_with_their_supervisor(running: Installation) -> None:
    """A kill -9 of it leaves the two servers, which the next start ends, and nobody who would page beside the next start."""
    everybody = family(running)
    running.signal(signal.SIGKILL)
    running.wait_until_ended()

    def left() -> list[str]:
        return [p.name() for p in everybody if is_alive(p.pid)]

    wait_for(lambda: all(name in ("postgres", "valkey-server") for name in left()))
    running.start()
    running.wait_until_ready()
    assert left() == []


def test_pages_and_long_work_have_processes_of_their_own(running: Installation) -> None:
    workers = [running.pid_of(f"worker {queue}") for queue in ("paging", "long")]
    assert [len(psutil.Process(pid).children()) for pid in workers] == [2, 2]


def test_a_crash_loop_is_given_pauses(copy_of: Callable[..., Installation]) -> None:
    """Whoever can't stay up is tried after longer and longer pauses."""
    installation = copy_of()
    installation.start()
    installation.wait_until_ready()
    for _ in range(3):
        pid = installation.pid_of("beat")
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: installation.pid_of("beat") != pid)  # noqa: B023
    assert [pause in installation.output for pause in ("started again now", "again in 0.5 s", "again in 1 s")] == [
        True
    ] * 3


def test_memory_of_the_whole(running: Installation) -> None:
    """What it takes, with what is shared counted once."""
    assert running.post("/webhook", json={"title": "One page", "severity": "critical"}).is_success

    def share(process: psutil.Process) -> int:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))

    assert sum(share(process) for process in family(running)) < 700 * 1024


def test_servers_of_others_take_the_place_of_the_private_ones(copy_of: Callable[..., Installation]) -> None:
    """Each by itself: here a Valkey that was started before."""
    first = copy_of()
    first.start()
    first.wait_until_ready()
    folder = first.data / "valkey"
    second = copy_of(REDIS_URL=valkey.url_for(folder))
    second.start()
    second.wait_until_ready()
    assert not (second.data / "valkey" / "valkey.sock").exists()
    assert "Valkey is process" not in second.output
    assert redis.Redis.from_url(valkey.url_for(folder)).info("clients")["connected_clients"] > 2


def test_valkey_takes_no_tcp_and_its_socket_is_closed_to_others(running: Installation) -> None:
    client = redis.Redis.from_url(valkey.url_for(running.data / "valkey"))
    assert client.config_get("port") in ({"port": "0"}, {b"port": b"0"})
    assert (running.data / "valkey").stat().st_mode & 0o077 == 0
    assert (running.data / "valkey" / "valkey.sock").stat().st_mode & 0o077 == 0


def test_a_machine_that_the_wheel_does_not_know_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey.platform, "machine", lambda: "riscv64")
    with pytest.raises(StartRefused, match=r"riscv64.*Set REDIS_URL=redis://"):
        valkey.binary()
