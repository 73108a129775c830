"""Debian's Prometheus and Alertmanager, and something for them to watch."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from tests.peers import free_port
from tests.proof.harness import eventually, program
from tests.runtime.installation import Installation

RULES = """
groups:
  - name: shop
    rules:
      - alert: CheckoutDown
        expr: checkout_failures > 0
        labels: {severity: critical, service: checkout}
        annotations: {summary: Nobody can pay}
"""

# Short intervals; the webhook and PagerDuty notifiers of one Alertmanager point at us (docs/sources.md).
ALERTMANAGER = """
route: {receiver: aiops, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}
receivers:
  - name: aiops
    webhook_configs:
      - url: %(url)s/webhook?source=alertmanager
        send_resolved: true
        max_alerts: 0
        http_config: {authorization: {credentials: %(key)s}}
    pagerduty_configs:
      - url: %(url)s/v2/enqueue
        routing_key: %(routing_key)s
        severity: '{{ or .CommonLabels.severity "error" }}'
"""

# Prometheus sends to the Alertmanager, and to us as if we were another one.
PROMETHEUS = """
global: {scrape_interval: 200ms, evaluation_interval: 200ms}
rule_files: [%(rules)s]
scrape_configs:
  - job_name: shop
    static_configs: [{targets: ["127.0.0.1:%(exporter)d"]}]
alerting:
  alertmanagers:
    - static_configs: [{targets: ["127.0.0.1:%(alertmanager)d"]}]
    - static_configs: [{targets: ["%(us)s"]}]
      basic_auth: {username: prometheus, password: %(key)s}
"""


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
        eventually(f"{self.url} is ready", lambda: httpx.get(f"{self.url}/-/ready").status_code == 200, 20)

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
    facts = {"url": us.url, "us": us.url.removeprefix("http://"), "key": key, "routing_key": routing_key}
    ports = {"alertmanager": free_port(), "prometheus": free_port()}
    rules, alerting, watching = (folder / f"{name}.yml" for name in ("rules", "alertmanager", "prometheus"))
    rules.write_text(RULES)
    alerting.write_text(ALERTMANAGER % facts)
    with (
        Exporter().serving() as exporter,
        program(
            "prometheus-alertmanager", folder, f"--config.file={alerting}", f"--storage.path={folder / 'am'}",
            f"--web.listen-address=127.0.0.1:{ports['alertmanager']}", "--cluster.listen-address=", "--log.level=debug",
        ) as alertmanager_log,
    ):  # fmt: skip
        mine = {"alertmanager": ports["alertmanager"], "exporter": exporter.port, "rules": json.dumps(str(rules))}
        watching.write_text(PROMETHEUS % (facts | mine))
        alertmanager = Peer(f"http://127.0.0.1:{ports['alertmanager']}", alertmanager_log)
        alertmanager.wait_until_ready()
        with program(
            "prometheus", folder, f"--config.file={watching}", f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{ports['prometheus']}",
            # It repeats what it said, once a minute by default; more often here, so that the repeats are part of the proof.
            "--rules.alert.resend-delay=1s",
        ) as prometheus_log:  # fmt: skip
            prometheus = Peer(f"http://127.0.0.1:{ports['prometheus']}", prometheus_log)
            prometheus.wait_until_ready()
            yield Monitoring(exporter, prometheus, alertmanager)
