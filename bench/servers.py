"""What the benchmarks start: a PostgreSQL of their own with durable commits, a Redis, our processes, wrk, pgbench."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = Path(__file__).resolve().parent
KEY = "bench-key"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def need(program: str) -> str:
    """The path of a program that the benchmarks can't do without."""
    found = shutil.which(program) or next((str(p) for p in Path("/usr/lib/postgresql").glob(f"*/bin/{program}")), None)
    if found is None:
        raise SystemExit(f"{program} is not installed (Debian: apt-get install postgresql wrk)")
    return found


@dataclass(frozen=True)
class Postgres:
    port: int

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def sql(self, database: str, *statements: str) -> str:
        command = [need("psql"), "-qAt", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", database]
        for statement in statements:
            command += ["-c", statement]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A fresh cluster, fsync and synchronous_commit on; as root it runs as the system's ``postgres`` user."""
    folder = Path(tempfile.mkdtemp(prefix="aiops-bench-"))
    as_postgres: list[str] = []
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
        as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    port = free_port()
    data = folder / "data"
    run = [*as_postgres, need("initdb"), "-D", str(data), "-A", "trust", "-U", "postgres"]
    subprocess.run(run, check=True, capture_output=True, cwd=folder)
    options = ["-c", f"port={port}", "-c", f"unix_socket_directories={folder}", "-c", "max_connections=200"]
    options += ["-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB"]
    server = subprocess.Popen(
        [*as_postgres, need("postgres"), "-D", str(data), *options], cwd=folder, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: subprocess.run([need("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]).returncode == 0)
        yield Postgres(port)
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Web:
    url: str
    pid: int
    database: str
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def memory(self) -> float:
        """Resident memory of the process, in MiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """The URL of a Redis that keeps nothing."""
    port = free_port()
    command = [
        need("redis-server"),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--dir",
        tempfile.gettempdir(),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def web(server: Postgres, database: str = "aiops", **more: str) -> Iterator[Web]:
    """One web process on a fresh database, migrated and set up; the admin's password is the key. *more*: of its environment."""
    server.sql("postgres", f"CREATE DATABASE {database}")
    port = free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": server.url(database),
        "AIOPS_API_KEYS": f"{KEY}:admin",
        "AIOPS_SECRET_KEY": "benchmarks-only-0123456789abcdef0123456789abcdef0123",
        "AIOPS_ADMIN_PASSWORD": KEY,
        "AIOPS_PORT": str(port),
        **more,
    }
    aiops = [sys.executable, "-m", "aiops"]
    subprocess.run([*aiops, "migrate"], cwd=ROOT, env=environment, check=True, capture_output=True)
    process = subprocess.Popen([*aiops, "web"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=None)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(f"{url}/readyz"))
        yield Web(url, process.pid, database, environment)
    finally:
        process.terminate()
        process.wait(15)
        server.sql("postgres", f"DROP DATABASE {database} WITH (FORCE)")


@contextlib.contextmanager
def beside(ours: Web, *command: str) -> Iterator[int]:
    """Another process of the same installation (``worker``, ``beat``); gives its id."""
    aiops = [sys.executable, "-m", "aiops", *command]
    process = subprocess.Popen(aiops, cwd=ROOT, env=ours.environment, stdout=subprocess.DEVNULL, stderr=None)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def inside(ours: Web, code: str) -> str:
    """What *code* prints when it runs in the installation, with Django set up."""
    setup = "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'aiops.settings'; django.setup()\n"
    command = [sys.executable, "-W", "ignore", "-c", setup + code]
    done = subprocess.run(command, cwd=ROOT, env=ours.environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return done.stdout.strip()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return int(response.status) == 200
    except OSError:
        return False


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("what the benchmark waits for does not come")
        time.sleep(0.1)


@dataclass(frozen=True)
class Load:
    """What wrk measured: requests a second, latencies in ms, requests that failed."""

    rate: float
    p50: float
    p99: float
    requests: int
    errors: int


def wrk(
    url: str, connections: int, seconds: float, *, mode: str = "new", kind: str = "aiops", pause: float = 0
) -> Load:
    """*pause*: ms that each connection waits before each request."""
    environment = {**os.environ, "KIND": kind, "MODE": mode, "KEY": KEY, "PAUSE": str(pause)}
    environment["PREFIX"] = f"r{time.time_ns()}" if mode == "new" else "dup"
    command = [
        need("wrk"),
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        "--timeout",
        "20s",
        "-s",
        str(HERE / "post.lua"),
        url,
    ]
    output = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    rate, p50, p99, requests, errors = next(line for line in output.splitlines() if line.startswith("RESULT")).split()[
        1:
    ]
    return Load(float(rate), float(p50), float(p99), int(requests), int(errors))


def pgbench(server: Postgres, connections: int, seconds: float) -> float:
    """Durable transactions a second of one alert each."""
    command = [need("pgbench"), "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", "-n", "-M", "prepared"]
    command += ["-c", str(connections), "-j", "2", "-T", str(int(seconds)), "-f", str(HERE / "pgbench.sql"), "b"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(next(line for line in output.splitlines() if line.startswith("tps")).split()[2])


def prepare_pgbench(server: Postgres) -> None:
    server.sql("postgres", "CREATE DATABASE b")
    server.sql(
        "b",
        "CREATE TABLE b_incident (id int PRIMARY KEY, n int DEFAULT 0, last_at timestamptz)",
        "INSERT INTO b_incident SELECT generate_series(1, 1000)",
        "CREATE TABLE b_alert (id bigserial PRIMARY KEY, incident_id int NOT NULL, payload jsonb, at timestamptz DEFAULT now())",
        "CREATE INDEX ON b_alert (incident_id)",
    )


def spread(values: Iterable[float], unit: str = "") -> str:
    """Median and range of *values*, as people read them."""
    found = sorted(values)
    return f"{statistics.median(found):.2f}{unit} ({found[0]:.2f}–{found[-1]:.2f})"


def verdict(name: str, values: Sequence[float], goal: float, *, at_least: bool = True, unit: str = "") -> None:
    """Print one result beside its goal."""
    middle = statistics.median(values)
    good = middle >= goal if at_least else middle <= goal
    print(
        f"{'ok  ' if good else 'MISS'} {name}: {spread(values, unit)}, goal {'≥' if at_least else '≤'} {goal}{unit}",
        flush=True,
    )
