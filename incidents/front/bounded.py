"""uvicorn's HTTP protocol with limits: size and time of the head, rate of the body, connections for each address.

The bytes are counted as they arrive, before the parser holds them. A connection over a limit is answered; what still
comes is read and dropped for a moment, so that the answer gets through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from aiops.api.envelopes import client, envelope_of
from aiops.kernel.headers import as_bytes, private
from incidents import metrics
from incidents.front.app import FrontDoor
from incidents.front.guard import Guard, Phase

FRONT_DOOR = "front_door"  # where the ASGI lifespan state keeps it
IDLE, HEAD, BODY, BUSY, DRAINING = Phase
STATUS_LINE = {status.value: f"HTTP/1.1 {status} {status.phrase}\r\n".encode() for status in HTTPStatus}
NOT_ASCII = re.compile(rb"[\x80-\xff]")
UPGRADE = re.compile(rb"\n(?i:upgrade):")
UPGRADE_WITHIN = 8192  # bytes
DROPPED = 16 * 1024 * 1024  # bytes that are read after a refusal, at most
OVERHEAD = 8  # bytes on the wire for each of a chunked body, at most: one byte a chunk takes six
ANSWERS = {
    400: "This is no HTTP request that can be read.",
    408: "The request came too slowly; send it again.",
    431: "The request line and headers are too large.",
    503: "Too many connections; try again.",
}


class TooMuch(Exception):
    """Raised in the parser's callbacks: the head is over a bound."""


class BoundedProtocol(HttpToolsProtocol):
    """Counts, and refuses. What a request means is for those who inherit."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.front: FrontDoor = self.app_state[FRONT_DOOR]
        self.guard: Guard = self.front.guard
        self.phase = HEAD
        self.since = self.loop.time()
        self.received = 0  # bytes of the body
        self._head = 0  # bytes of the head, as far as they are surely its
        self._chunk = 0  # bytes that are being parsed
        self._begun = 0  # messages that began in them
        self._started = False  # any byte of a request has come
        self._raw = 0  # bytes since the body began, framing and all
        self._line_seen = False  # the request line is complete
        self._admitted = False
        self._unread_since: float | None = None

    # --- connections ------------------------------------------------------------------------------------------------
    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._admitted = self.guard.admits(self, self._address)
        if not self._admitted:
            metrics.REFUSED.labels("connections").inc()
            self.say(503, {"Retry-After": "5"})
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._admitted:
            self._admitted = False
            self.guard.leave(self._address, self)
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self.say(400)
            return
        self.guard.hand_over(self)
        super().handle_websocket_upgrade()

    @property
    def _address(self) -> str:
        return self.client[0] if self.client else ""

    def make_room(self) -> None:
        """Another connection needs the place of this silent one."""
        self.phase = DRAINING
        self.transport.close()

    # --- bytes ------------------------------------------------------------------------------------------------------
    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        before = self.phase
        if before is DRAINING:
            self._drop(len(data))
            return
        if before is IDLE or (before is HEAD and not self._line_seen):
            if not data.isascii():
                data = _quoted(data, self.guard.bounds.head_bytes)
            if data.find(b"pgrade", 0, UPGRADE_WITHIN) >= 0:
                data = _without_upgrade(data)
        self._chunk, self._begun, fresh = len(data), 0, before in (IDLE, BUSY) or not self._started
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
                return
        except httptools.HttpParserError as error:
            if self.phase is not DRAINING:
                self.say(431 if isinstance(error.__context__, TooMuch) else 400)
            return
        if self.phase is HEAD or self.phase is BODY:
            self._count(data, fresh=fresh)

    def _count(self, data: bytes, *, fresh: bool) -> None:
        """After parsing: where we are now, and how much that took. *fresh*: no message was under way before."""
        size = len(data)
        if self.phase is HEAD:
            if self._begun == 0:
                self._head += size
            else:  # one that began in the middle of the chunk is counted from the next one
                self._head = size if self._begun == 1 and fresh else 0
                self.since = self.loop.time()
            self._line_seen = self._line_seen or b"\n" in data.lstrip(b"\r\n")
            if self._head > self.guard.bounds.head_bytes:
                self.say(431)
        else:
            if not self._raw:
                self.since = self.loop.time()
            self._raw += size
            if self._raw > self.guard.bounds.head_bytes + OVERHEAD * self.received + self._head + size:
                self.say(400)
                return
            self.look_at_head()

    def on_message_begin(self) -> None:
        # What an ASGI cycle needs is made when it is known to be one.
        if self.phase is DRAINING:
            raise TooMuch
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self.phase = HEAD
        self.received = self._raw = self._head = 0
        self._line_seen = False
        self._started = True
        self._begun += 1

    def begin_cycle(self) -> None:
        """Go uvicorn's way with the head that is complete."""
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect
        self.headers += headers
        super().on_headers_complete()

    def begin_body(self) -> None:
        """The head is complete; raises :class:`TooMuch`."""
        bounds = self.guard.bounds
        if len(self.headers) > bounds.headers:
            raise TooMuch
        if self._head + self._chunk > bounds.head_bytes:  # or so it seems: there may be more in the chunk than a head
            exactly = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if exactly > bounds.head_bytes:
                raise TooMuch
        self.phase, self._raw = BODY, 0

    def on_body(self, body: bytes) -> None:
        self.received += len(body)
        if self.cycle.response_complete and self.received > DROPPED:
            self.transport.close()
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.phase = BUSY
        super().on_message_complete()
        if self.cycle is None or self.cycle.response_complete:
            self._rest()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.phase is BUSY and self.cycle.response_complete:
            self._rest()

    def look_at_head(self) -> None:
        """A head is there and its body is not."""

    def _rest(self) -> None:
        self.phase, self.since = IDLE, self.loop.time()

    def _should_upgrade(self) -> bool:
        """Only a GET can become a WebSocket."""
        return self.parser is not None and self.parser.get_method() == b"GET" and super()._should_upgrade()

    # --- time -------------------------------------------------------------------------------------------------------
    def check(self, now: float) -> None:
        """End what takes too long by *now*."""
        bounds, waited = self.guard.bounds, now - self.since
        if self._unread_since is not None and now - self._unread_since > bounds.unread_seconds:
            self.transport.abort()
        elif self.phase is HEAD and waited > bounds.head_seconds:
            if self._started:
                self.say(408)
            else:
                self.transport.close()
        elif self.phase is BODY and waited > bounds.body_seconds + self.received / bounds.body_rate:
            self.say(408)
        elif self.phase is DRAINING and waited > bounds.drain_seconds:
            self.transport.abort()

    def pause_writing(self) -> None:
        self._unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._unread_since = None
        super().resume_writing()

    # --- refusals ---------------------------------------------------------------------------------------------------
    def say(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        """Answer without having understood the request, and close. An answer that is still owed to one before it goes first."""
        metrics.REFUSED.labels(f"http_{status}").inc()
        if self.cycle is not None and not self.cycle.response_complete:
            if self.phase is HEAD:
                self.cycle.keep_alive = False
                self.phase, self.since = DRAINING, float("inf")
                return
            if self.give_up_cycle():
                self.transport.close()
                return
        path = (getattr(self, "url", None) or b"").partition(b"?")[0].decode("latin-1")
        content = json.dumps((envelope_of(path) or client)(status, ANSWERS[status])).encode()
        named = {"Content-Type": "application/json", "Content-Length": str(len(content)), "Connection": "close"}
        lines = [*self.server_state.default_headers, *as_bytes(named | private() | dict(headers or {}))]
        head = b"".join(b"%b: %b\r\n" % pair for pair in lines)
        if not self.transport.is_closing():
            self.transport.write(STATUS_LINE[status] + head + b"\r\n" + content)
            self.drain()

    def give_up_cycle(self) -> bool:
        """The request under way will not be answered as it should be; whether its answer has begun all the same."""
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        return self.cycle.response_started

    def drain(self) -> None:
        """Say that nothing follows, and drop what still comes until the other side has read that."""
        self.phase, self.since, self.received = DRAINING, self.loop.time(), 0
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _drop(self, size: int) -> None:
        self.received += size
        if self.received > DROPPED:
            self.transport.abort()


def _quoted(data: bytes, longest: int) -> bytes:
    """*data* with the bytes of its request line that are no ASCII percent-encoded: many clients send UTF-8 as it is."""
    start = len(data) - len(data.lstrip(b"\r\n"))
    end = data.find(b"\n", start) + 1 or len(data)
    line = data[start:end]
    if line.isascii() or len(line) > longest:
        return data
    return data[:start] + NOT_ASCII.sub(lambda found: b"%%%02X" % found[0][0], line) + data[end:]


def _without_upgrade(data: bytes) -> bytes:
    """*data* without the wish for another protocol, unless it can be for a WebSocket. Some clients (Java's, for HTTP/2) add it to
    every request, which may be answered as if it were not there; the parser would pass over its body."""
    if data.startswith(b"GET "):
        return data
    end = data.find(b"\r\n\r\n") + 1 or len(data)
    return UPGRADE.sub(b"\nx-grade:", data[:end]) + data[end:]
