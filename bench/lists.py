"""Incident lists at 100,000 open incidents against 1,000: first and second page, console and every dialect."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from urllib.parse import urlencode, urlsplit

from bench.servers import KEY, Postgres, Web, postgres, verdict, web

REQUESTS = 60
FILL = """
INSERT INTO incidents_incident (workspace_id, name, dedup_hash, dedup_key, dedup_strategy, service_id, source_id, title,
    description, severity, priority, status, source_name, service_name, namespace, pod, deployment, resource_kind, resource_name,
    signal_type, labels, links, metric, occurrences, created_at, updated_at, last_seen_at)
SELECT w.id, 'INC-20260101-' || g, gen_random_uuid(), 'k' || g, 'dedup_key', s.id, NULL, 'HttpServerError on web-' || g,
    'Site is down', 1 + g %% 5, 1 + g %% 4, 'open', 'prometheus', 'checkout', 'production', '', '', '', '', '', '{{}}',
    '[]', '{{}}', 1, now() - g * interval '1 s', now(), now()
FROM generate_series({first}, {last}) g, access_workspace w JOIN incidents_service s ON s.workspace_id = w.id AND s.is_default
"""


class Client:
    """One keep-alive connection, signed in to the console and with a key and a token for the dialects."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
        self.cookies: dict[str, str] = {}
        self.headers = {"X-API-Key": KEY}
        self._sign_in()

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        return self._request("GET", path, None, headers)

    def _request(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self._connection.request(method, path, body, {**self.headers, "Cookie": cookies, **headers})
        response = self._connection.getresponse()
        for cookie in response.headers.get_all("Set-Cookie") or []:
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
        return response.status, response.read().decode()

    def _sign_in(self) -> None:
        _, page = self.get("/console/login")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        form = urlencode({"csrfmiddlewaretoken": token[1] if token else "", "username": "admin", "password": KEY})
        self._request("POST", "/console/login", form, {"Content-Type": "application/x-www-form-urlencoded"})
        credentials = json.dumps({"username": "admin", "password": KEY})
        status, answer = self._request("POST", "/api/auth/token", credentials, {"Content-Type": "application/json"})
        if status != 200:
            raise SystemExit(f"no token: {status} {answer[:200]}")
        self.bearer = {"Authorization": f"Bearer {json.loads(answer)['access']}", "X-API-Key": ""}


def pages(client: Client) -> dict[str, Callable[[], tuple[int, str]]]:
    """What is measured. The console's second page is where its own "next" link leads."""
    _, first = client.get("/console/incidents")
    following = re.search(r'href="([^"]*after=[^"]*)"', first)
    path = following[1].replace("&amp;", "&") if following else ""
    if path.startswith("?"):
        path = f"/console/incidents{path}"
    return {
        "console, first page": lambda: client.get("/console/incidents"),
        "console, next page": lambda: client.get(path),
        "client": lambda: client.get("/incidents?limit=100"),
        "dashboard": lambda: client.get("/api/alerts/incidents", **client.bearer),
        "v1, first page": lambda: client.get("/api/v1/incidents"),
        "v1, second page": lambda: client.get("/api/v1/incidents?page=2"),
    }


def p95(ask: Callable[[], tuple[int, str]]) -> float:
    """In ms, over REQUESTS requests."""
    taken = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        status, body = ask()
        taken.append((time.perf_counter() - began) * 1000)
        if status != 200:
            raise SystemExit(f"a list answered {status}: {body[:200]}")
    return sorted(taken)[int(REQUESTS * 0.95)]


def fill(server: Postgres, ours: Web, first: int, last: int) -> None:
    server.sql(
        ours.database, FILL.format(first=first, last=last).replace("%%", "%"), "VACUUM ANALYZE incidents_incident"
    )


def run(rounds: int, seconds: float) -> None:
    """The same pages on two databases, a small and a large one, in turn."""
    with ExitStack() as stack:
        server = stack.enter_context(postgres())
        small, large = stack.enter_context(web(server, "small")), stack.enter_context(web(server, "large"))
        fill(server, small, 1, 1000)
        fill(server, large, 1, 100_000)
        asked_small, asked_large = pages(Client(small.url)), pages(Client(large.url))
        for name in asked_small:
            asked_small[name](), asked_large[name]()
            ratios = []
            for _ in range(rounds):
                few, many = p95(asked_small[name]), p95(asked_large[name])
                ratios.append(many / few)
            print(f"     {name}: p95 {few:.1f} ms of 1,000, {many:.1f} ms of 100,000", flush=True)
            verdict(f"{name}, p95 at 100,000 ÷ at 1,000", ratios, 1.5, at_least=False)
