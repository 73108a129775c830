"""A real HTTP server on loopback that remembers what it was asked, and can be told to fail the next times."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from tests.patience import PATIENCE


@dataclass(frozen=True)
class Request:
    """What came in. *headers* has lower-case names."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: float  # time.perf_counter()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True)
class Answer:
    """What goes out. *how*: "reset" breaks the connection without an answer, "silence" holds it until the server closes, "held"
    answers when the receiver's ``release`` is set."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    how: str = "answer"

    @property
    def raw(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class HttpReceiver:
    """The server. A provider is a subclass that overrides :meth:`answer`; ``next`` holds answers that come before its own."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.next: deque[Answer] = deque()
        self.closed, self.release = threading.Event(), threading.Event()
        self._came = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def _handle(self) -> None:
                receiver._handle(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _handle

            def log_message(self, *_: object) -> None:
                """Tests read what came in, not a log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, request: Request) -> Answer:
        """What this provider says to *request*."""
        return Answer()

    def fail(self, *answers: Answer) -> None:
        """Answer the next requests so."""
        self.next.extend(answers)

    def wait(
        self, count: int = 1, *, seconds: float = PATIENCE, when: Callable[[Request], bool] | None = None
    ) -> list[Request]:
        """The requests so far (that *when* lets through), once there are *count*; fails if they don't come."""
        deadline = time.monotonic() + seconds
        with self._came:
            while len(found := [request for request in self.requests if when is None or when(request)]) < count:
                if not self._came.wait(max(0.0, deadline - time.monotonic())) and time.monotonic() >= deadline:
                    raise AssertionError(f"expected {count} requests, got {len(found)} of {len(self.requests)}")
        return found

    def close(self) -> None:
        self.closed.set()
        self.release.set()
        self._server.shutdown()
        self._server.server_close()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        request = Request(
            handler.command,
            parts.path,
            {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()},
            {name.lower(): value for name, value in handler.headers.items()},
            handler.rfile.read(int(handler.headers.get("content-length") or 0)),
            time.perf_counter(),
        )
        answer = self.next.popleft() if self.next else self.answer(request)
        with self._came:
            self.requests.append(request)
            self._came.notify_all()
        if answer.how == "reset":
            handler.close_connection = True
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            return
        if answer.how == "silence":
            self.closed.wait()
            handler.close_connection = True
            return
        if answer.how == "held":
            self.release.wait()
        handler.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            handler.send_header(name, value)
        if answer.status != 204:
            handler.send_header("Content-Length", str(len(answer.raw)))
        handler.end_headers()
        if answer.status != 204:
            handler.wfile.write(answer.raw)


RESET, SILENCE, HELD = Answer(how="reset"), Answer(how="silence"), Answer(how="held")


def too_many(seconds: int, body: Any = b"") -> Answer:
    """429 with Retry-After."""
    return Answer(429, body, {"Retry-After": str(seconds)})
