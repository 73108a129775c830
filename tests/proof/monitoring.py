"""Debian's Prometheus and Alertmanager, and something for them to watch."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from tests.peers import free_port
from tests.proof.harness import eventually, program
from tests.runtime.installation import ROOT, Installation

RULES = """
groups:
  - name: shop
    rules:
      - alert: CheckoutDown
        expr: checkout_failures > 0
        labels: {severity: critical, service: checkout}
        annotations: {summary: Nobody can pay}
"""

# How to point them at us stands in the documentation, and is taken from there; beside it only short intervals.
DOCUMENTED = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "sources.md").read_text(), re.S)
RECEIVERS, PAGERDUTY, ALERTMANAGERS = (
    next(block for block in DOCUMENTED if word in block)
    for word in ("webhook_configs:", "pagerduty_configs:", "alertmanagers:")
)
ROUTE = "route: {receiver: incident-platform, group_by: [alertname], group_wait: 0s, group_interval: 1s}\n"
WATCH = """
global: {scrape_interval: 200ms, evaluation_interval: 200ms}
rule_files: [RULES]
scrape_configs:
  - job_name: shop
    static_configs: [{targets: ["EXPORTER"]}]
"""
REAL_ALERTMANAGER = """
    - static_configs: [{targets: ["ALERTMANAGER"]}]
"""


def filled_in(config: str, facts: dict[str, str]) -> str:
    """*config* with what each word of *facts* stands for."""
    for word, value in facts.items():
        assert word in config, f"{word} is not in the documentation any more"
        config = config.replace(word, value)
    return config


class Exporter:
    """Exposes one gauge, ``checkout_failures``, that the test sets."""

    def __init__(self) -> None:
        self.failures = 0
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = f"checkout_failures {exporter.failures}\n".encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]

    @contextlib.contextmanager
    def serving(self) -> Iterator[Exporter]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()


@dataclass(frozen=True)
class Peer:
    """A Prometheus or an Alertmanager that answers at *url* and logs to *log*."""

    url: str
    log: Path

    def wait_until_ready(self) -> None:
        eventually(f"{self.url} is ready", lambda: httpx.get(f"{self.url}/-/ready").status_code == 200)

    def metric(self, name: str) -> dict[str, float]:
        """Its samples of a metric, by their labels as it writes them."""
        text = httpx.get(f"{self.url}/metrics").text
        return {labels: float(value) for labels, value in re.findall(rf"^{name}(\{{.*\}})? (\S+)$", text, re.M)}

    def complaints(self) -> list[str]:
        """What it logged as a warning or an error, or about a second attempt."""
        lines = self.log.read_text().splitlines()
        return [line for line in lines if re.search(r"level=(warn|error)|attempts=([2-9]|\d\d)|failed", line)]


@dataclass(frozen=True)
class Monitoring:
    """The whole chain, from the gauge to us."""

    exporter: Exporter
    prometheus: Peer
    alertmanager: Peer


@contextlib.contextmanager
def monitoring(us: Installation, key: str, routing_key: str, folder: Path) -> Iterator[Monitoring]:
    """Watch an :class:`Exporter` and tell *us* in the three ways that they know."""
    folder.mkdir()
    address = us.url.removeprefix("http://")
    at = {name: f"127.0.0.1:{free_port()}" for name in ("alertmanager", "prometheus")}
    rules, alerting, watching = (folder / f"{name}.yml" for name in ("rules", "alertmanager", "prometheus"))
    rules.write_text(RULES)
    receivers = {
        "localhost:8888": address,
        "<API key>": key,
        "<routing key of the service, 32 characters>": routing_key,
    }
    alerting.write_text(filled_in(ROUTE + RECEIVERS + PAGERDUTY, receivers))
    with (
        Exporter().serving() as exporter,
        program(
            "prometheus-alertmanager", folder, f"--config.file={alerting}", f"--storage.path={folder / 'am'}",
            f"--web.listen-address={at['alertmanager']}", "--cluster.listen-address=", "--log.level=debug",
        ) as alertmanager_log,
    ):  # fmt: skip
        places = {
            "localhost:8888": address, "<API key>": key, "RULES": str(rules), "EXPORTER": f"127.0.0.1:{exporter.port}",
            "ALERTMANAGER": at["alertmanager"],
        }  # fmt: skip
        watching.write_text(filled_in(WATCH + ALERTMANAGERS + REAL_ALERTMANAGER, places))
        alertmanager = Peer(f"http://{at['alertmanager']}", alertmanager_log)
        alertmanager.wait_until_ready()
        with program(
            "prometheus", folder, f"--config.file={watching}", f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={at['prometheus']}",
            # It repeats what it said, once a minute by default; more often here, so that the repeats are part of the proof.
            "--rules.alert.resend-delay=1s",
        ) as prometheus_log:  # fmt: skip
            prometheus = Peer(f"http://{at['prometheus']}", prometheus_log)
            prometheus.wait_until_ready()
            yield Monitoring(exporter, prometheus, alertmanager)
