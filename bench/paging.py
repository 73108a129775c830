"""From an alert to a message at a webhook, beside Alertmanager; 10,000 steps due at once; what policies cost ingest."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from bench.servers import (
    KEY,
    Postgres,
    Web,
    answers,
    beside,
    free_port,
    inside,
    need,
    postgres,
    redis,
    verdict,
    wait_for,
    web,
    wrk,
)

PROBES = 50  # alerts of a round while nothing else happens
DUE = 10_000  # incidents whose next step falls into the same minute
LATER = 100_000  # runs and deliveries that are not due
SWEEPS = 200
QUIET = 3  # seconds without a message after which none is thought to come
AWAY = 60_000.0  # ms: what a message that never comes counts

# A policy of the workspace's own that tells one webhook, then nobody for an hour. No routes: they would tell it as well.
ONE_WEBHOOK = """
from aiops.access.actors import SYSTEM
from aiops.access.models import Workspace
from aiops.kernel.clock import utcnow
from notifications.models import EscalationPolicy, Route
from notifications.delivery.services import destinations
from notifications.escalation.services import policies
workspace, now = Workspace.objects.get(), utcnow()
Route.objects.all().delete()
EscalationPolicy.objects.update(enabled=False, is_default=False)
hook = destinations.create_destination(actor=SYSTEM, kind="webhook", address="{address}", workspace=workspace, now=now)
step = dict(name="First", targets=[dict(kind="channel", id=hook.pk)])
policies.create_policy(actor=SYSTEM, workspace=workspace, name="One webhook", is_default=True, now=now,
                       definition=dict(steps=[step, dict(step, name="Second", delay_minutes=60)], final_wait_minutes=60))
"""
NO_PAGING = """
from notifications.models import EscalationPolicy, Route
Route.objects.all().delete()
EscalationPolicy.objects.update(enabled=False, is_default=False)
"""
# Live incidents with a run each, of which *due* seconds say when the next step is (negative: it is due).
RUNS = """
WITH made AS (
    INSERT INTO incidents_incident (workspace_id, name, dedup_hash, dedup_key, dedup_strategy, service_id, source_id, title,
        description, severity, priority, status, source_name, service_name, namespace, pod, deployment, resource_kind,
        resource_name, signal_type, labels, links, metric, occurrences, created_at, updated_at, last_seen_at)
    SELECT w.id, '{prefix}-' || g, gen_random_uuid(), '{prefix}-' || g, 'dedup_key', s.id, NULL, '{prefix}-' || g, '', 5, 1,
        'open', 'prometheus', s.name, 'production', '', '', '', '', '', '{{}}', '[]', '{{}}', 1, now(), now(), now()
    FROM generate_series(1, {count}) g, access_workspace w JOIN incidents_service s ON s.workspace_id = w.id AND s.is_default
    RETURNING id, workspace_id)
INSERT INTO notifications_escalationrun (incident_id, workspace_id, version_id, state, announced_at, next_step_at, wake,
    started_at, step, round, cycle, repeats)
SELECT made.id, made.workspace_id, p.version_id, 'active', now(), now() + interval '{due} s', 'step', now(), 0, 0, 0, 0
FROM made, notifications_escalationpolicy p WHERE p.is_default
"""
DUE_RUNS = "SELECT count(*) FROM notifications_escalationrun WHERE next_step_at <= now()"
DELIVERIES = """
INSERT INTO notifications_delivery (workspace_id, incident_id, purpose, destination_id, kind, urgency, rank, data, state, due_at,
    created_at)
SELECT r.workspace_id, r.incident_id, 'page', d.id, d.kind, 'high', 1, '{}', 'pending', now() + interval '1 day', now()
FROM notifications_escalationrun r, notifications_destination d WHERE d.kind = 'webhook' AND r.next_step_at > now()
"""
SWEEP = """
import time
from aiops.kernel.clock import utcnow
from notifications.escalation.services import steps
from notifications.delivery.services.sender_pool import SenderPool
pool = SenderPool()
for _ in range(20): steps.run_due(utcnow()), pool.begin(utcnow())
began = time.process_time(), time.perf_counter()
for _ in range({sweeps}): assert steps.run_due(utcnow()) + pool.begin(utcnow()) == 0
print((time.perf_counter() - began[1]) * 1000 / {sweeps})
"""


class Hook:
    """A webhook's receiver: when each title first came, in seconds of the machine's steady clock."""

    def __init__(self) -> None:
        self.came: dict[str, float] = {}
        self.count = 0
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                at = time.perf_counter()
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
                hook.count += 1
                for title in _titles(json.loads(body)):
                    hook.came.setdefault(title, at)

            def log_message(self, *_: object) -> None:
                """What came is counted, not told."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Hook:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _titles(body: dict[str, object]) -> list[str]:
    """What a body of ours, or of Alertmanager, is about."""
    if isinstance(event := body.get("event"), dict):
        return [event["incident"]["title"]] if event["incident"] else []
    alerts = body["alerts"]
    assert isinstance(alerts, list)
    return [alert["labels"]["id"] for alert in alerts]


def probe(url: str, path: str, body: Callable[[str], object], hook: Hook, count: int, gap: float = 0.2) -> list[float]:
    """Post *count* problems, one every *gap* seconds; from each post to its message at the hook, in ms, in order."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    headers = {"Content-Type": "application/json", "X-API-Key": KEY}
    sent: dict[str, float] = {}
    for n in range(count):
        name = f"probe-{time.time_ns()}-{n}"
        sent[name] = time.perf_counter()
        connection.request("POST", path, json.dumps(body(name)), headers)
        connection.getresponse().read()
        time.sleep(gap)
    deadline = time.monotonic() + AWAY / 1000
    while sent.keys() - hook.came.keys() and time.monotonic() < deadline:
        time.sleep(0.02)
    return sorted((hook.came[name] - at) * 1000 if name in hook.came else AWAY for name, at in sent.items())


def _ours(name: str) -> object:
    return {"title": name, "dedup_key": name, "severity": "critical"}


def _alert(name: str) -> object:
    return [{"labels": {"alertname": "latency", "id": name}}]


@contextlib.contextmanager
def alertmanager(hook: Hook) -> Iterator[str]:
    """Debian's Alertmanager that tells the hook at once; gives its address."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        route = "route: {receiver: hook, group_by: [alertname, id], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}\n"
        Path(folder, "am.yml").write_text(
            f"{route}receivers: [{{name: hook, webhook_configs: [{{url: '{hook.url}'}}]}}]\n"
        )
        command = [need("prometheus-alertmanager"), f"--config.file={folder}/am.yml", f"--storage.path={folder}/data"]
        command += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            wait_for(lambda: answers(f"http://127.0.0.1:{port}/-/ready"))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


@contextlib.contextmanager
def installation(server: Postgres, hook: Hook, *, workers: int, database: str = "aiops") -> Iterator[Web]:
    """Web, workers and beat over Redis, with a policy that tells the hook."""
    with ExitStack() as stack:
        url = stack.enter_context(redis())
        allowed = {"AIOPS_OUTBOUND_ALLOW": "127.0.0.1", "REDIS_URL": url, "AIOPS_PROOF_MINUTES": "0"}
        ours = stack.enter_context(web(server, database, **allowed))
        inside(ours, ONE_WEBHOOK.format(address=hook.url))
        for _ in range(workers):
            stack.enter_context(beside(ours, "worker"))
        if workers:
            stack.enter_context(beside(ours, "beat"))
            name = f"ready-{time.time_ns()}"
            while name not in hook.came:  # the workers are up once the first message has come
                probe(ours.url, "/webhook", lambda _: _ours(name), hook, 1)
        yield ours


def percentile(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]


def idle(rounds: int) -> None:
    """Alert in → webhook out while nothing else happens, ours and Alertmanager's in turn."""
    with ExitStack() as stack:
        hook = stack.enter_context(Hook())
        ours = stack.enter_context(installation(stack.enter_context(postgres()), hook, workers=1))
        peer = stack.enter_context(alertmanager(hook))
        medians, tails = [], []
        for _ in range(rounds):
            found = probe(ours.url, "/webhook", _ours, hook, PROBES)
            theirs = probe(peer, "/api/v2/alerts", _alert, hook, PROBES)
            medians.append(percentile(found, 0.5))
            tails.append(percentile(found, 0.99))
            print(
                f"     ours p50 {medians[-1]:.1f} ms, p99 {tails[-1]:.1f} ms; "
                f"Alertmanager's {percentile(theirs, 0.5):.1f} and {percentile(theirs, 0.99):.1f} ms",
                flush=True,
            )
        verdict("alert → webhook, idle, p50", medians, 50, at_least=False, unit=" ms")
        verdict("alert → webhook, idle, p99", tails, 250, at_least=False, unit=" ms")


def busy(rounds: int, seconds: float) -> None:
    """The same while alerts come in at half of the rate that the same installation takes at most. As in a storm they repeat a
    hundred problems, and the probes are new ones. Then how many new problems a second the two workers page of."""
    with ExitStack() as stack:
        hook = stack.enter_context(Hook())
        ours = stack.enter_context(installation(stack.enter_context(postgres()), hook, workers=2))
        target = f"{ours.url}/webhook"
        wrk(target, 64, 2, mode="dup")
        tails = []
        for _ in range(rounds):
            most = wrk(target, 64, seconds, mode="dup")
            pause = max(1.0, 64 / (most.rate / 2) * 1000 - most.p50)
            load: list[float] = []
            paced = threading.Thread(
                target=lambda: load.append(wrk(target, 64, seconds * 2, mode="dup", pause=pause).rate)  # noqa: B023
            )
            paced.start()
            time.sleep(1)
            found = probe(ours.url, "/webhook", _ours, hook, int(seconds * 10), 0.1)
            paced.join()
            tails.append(percentile(found, 0.99))
            print(
                f"     {most.rate:.0f}/s at most, {load[0]:.0f}/s as load: p50 {percentile(found, 0.5):.0f} ms, "
                f"p99 {tails[-1]:.0f} ms",
                flush=True,
            )
        verdict("alert → webhook at half of the maximum rate, p99", tails, 2000, at_least=False, unit=" ms")
        before, began = hook.count, time.perf_counter()
        new = wrk(target, 64, seconds)
        _settle(hook)
        told, took = hook.count - before, time.perf_counter() - began - QUIET
        print(f"     of {new.rate:.0f} new problems a second the workers page {told / took:.0f} a second", flush=True)


def _settle(hook: Hook) -> None:
    """Wait until nothing comes any more."""
    before = -1
    while hook.count != before:
        before = hook.count
        time.sleep(QUIET)


def storm(rounds: int) -> None:
    """10,000 steps due at once, two workers."""
    with ExitStack() as stack:
        hook = stack.enter_context(Hook())
        server = stack.enter_context(postgres())
        ours = stack.enter_context(installation(server, hook, workers=2))
        stepped, told = [], []
        for n in range(min(rounds, 3)):
            before, began = hook.count, time.perf_counter()
            server.sql(ours.database, RUNS.format(prefix=f"storm{n}", count=DUE, due=-1))
            wait_for(lambda: server.sql(ours.database, DUE_RUNS) == "0", 300)
            stepped.append(time.perf_counter() - began)
            wait_for(lambda: hook.count >= before + DUE, 600)  # noqa: B023
            told.append(time.perf_counter() - began)
            print(
                f"     {DUE} steps done after {stepped[-1]:.1f} s, the last message came after {told[-1]:.1f} s",
                flush=True,
            )
        verdict(f"{DUE} steps due at once, two workers", stepped, 60, at_least=False, unit=" s")


def sweeps(rounds: int) -> None:
    """What a sweep that finds nothing costs beside 100,000 rows that are not due, and beside none."""
    with ExitStack() as stack:
        hook = stack.enter_context(Hook())
        server = stack.enter_context(postgres())
        few = stack.enter_context(installation(server, hook, workers=0, database="few"))
        many = stack.enter_context(installation(server, hook, workers=0, database="many"))
        server.sql(many.database, RUNS.format(prefix="later", count=LATER, due=86_400), DELIVERIES, "ANALYZE")
        ratios = []
        for _ in range(rounds):
            alone, beside_many = (float(inside(each, SWEEP.format(sweeps=SWEEPS))) for each in (few, many))
            ratios.append(beside_many / alone)
            print(f"     a sweep takes {alone:.2f} ms, beside {LATER} rows {beside_many:.2f} ms", flush=True)
        verdict(f"a sweep beside {LATER} rows that are not due ÷ beside none", ratios, 1.2, at_least=False)


def ingest(rounds: int, seconds: float) -> None:
    """New problems through POST /webhook, with a policy for every service and without any, in turn."""
    with ExitStack() as stack:
        hook = stack.enter_context(Hook())
        server = stack.enter_context(postgres())
        paged = stack.enter_context(installation(server, hook, workers=0, database="paged"))
        plain = stack.enter_context(installation(server, hook, workers=0, database="plain"))
        inside(plain, NO_PAGING)
        for each in (paged, plain):
            wrk(f"{each.url}/webhook", 64, 2)
        ratios = []
        for _ in range(rounds):
            without = wrk(f"{plain.url}/webhook", 64, seconds).rate
            with_policy = wrk(f"{paged.url}/webhook", 64, seconds).rate
            without = (without + wrk(f"{plain.url}/webhook", 64, seconds).rate) / 2
            ratios.append(with_policy / without)
            print(f"     with policies {with_policy:.0f}/s, without {without:.0f}/s", flush=True)
        verdict("ingest with policies on every service ÷ without", ratios, 0.7)


def run(rounds: int, seconds: float) -> None:
    """All of them."""
    idle(rounds)
    busy(rounds, seconds)
    storm(rounds)
    sweeps(rounds)
    ingest(rounds, seconds)
