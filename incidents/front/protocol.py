"""The HTTP protocol of our own server: uvicorn's, which hands whole ingest requests to the front door without an ASGI
cycle.

An ASGI request costs a task, two closures, a dozen dictionaries and four switches: more than ingest itself. Here the
parser's last callback asks the door, and the answer is written when the commit is known. Unusual requests (another
path, HTTP/1.0, ``Expect``, a request behind one that still runs) take the ASGI way. ``bounded`` limits what a stranger
may send.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings

from aiops.api.middleware import one_slash
from aiops.kernel.errors import Overloaded
from aiops.kernel.headers import as_bytes, private
from incidents.front import door
from incidents.front.bounded import BUSY, FRONT_DOOR, STATUS_LINE, BoundedProtocol
from incidents.front.door import Endpoint
from incidents.front.requests import Inbound, Reply, parse_query, wanted_headers

__all__ = ("FRONT_DOOR", "DoorProtocol")

log = logging.getLogger(__name__)

GRACE = 4.0  # seconds that a body may still take when the server stops, unless the server says otherwise
LAST_WORD = 0.3  # seconds before that in which the sender is told
WENT_WRONG = Reply(500, {"detail": "Internal server error", "message": "Internal server error"})
CONTENT = b"content-type: application/json\r\ncontent-length: %d\r\n"
REMEMBERED_URL = 2000  # bytes; longer ones are read each time


class Target(NamedTuple):
    """What a request line asks for."""

    endpoint: Endpoint
    method: str
    path: str
    query: Mapping[str, str]


class DoorCycle:
    """One ingest request on a connection; to uvicorn it is a cycle like its own."""

    __slots__ = (
        "_protocol",
        "admitted",
        "body",
        "disconnected",
        "endpoint",
        "held",
        "inbound",
        "keep_alive",
        "limit",
        "more_body",
        "response_complete",
        "size",
    )

    def __init__(self, protocol: DoorProtocol, endpoint: Endpoint, inbound: Inbound, keep_alive: bool) -> None:
        self._protocol = protocol
        self.endpoint, self.inbound, self.keep_alive = endpoint, inbound, keep_alive
        self.body: list[bytes] = []
        self.size, self.limit = 0, settings.AIOPS_MAX_BODY_BYTES
        self.held = 0  # bytes of it that the guard counts
        self.more_body, self.response_complete, self.disconnected, self.admitted = True, False, False, False

    @property
    def message_event(self) -> DoorCycle:
        """What uvicorn sets when the client goes away."""
        return self

    def set(self) -> None:
        """Nobody waits: an answer to nobody is dropped, and a body that will not be whole is let go."""
        if self.disconnected and self.more_body:
            self.body = []
            self._let_go()

    def cut_off(self) -> None:
        """The server stops and the body has not come: say so, so that it is sent again."""
        if not self.response_complete and self.more_body:
            self.answer(door.refuse(self.endpoint, Overloaded("The server is stopping; send again.")))
            self._protocol.transport.close()

    def answer(self, reply: Reply) -> None:
        """Write the reply, if somebody is still there to read it."""
        self._let_go()
        self.response_complete = True
        if not self.disconnected and not self._protocol.transport.is_closing():
            self._protocol.write_reply(reply, self)

    def refuse(self, reply: Reply) -> None:
        """Answer before the body is there; what still comes of it is dropped."""
        self.keep_alive, self.body = False, []
        self.answer(reply)

    def give_up(self) -> None:
        """Somebody else has answered."""
        self.response_complete, self.body = True, []
        self._let_go()

    def _let_go(self) -> None:
        if self.held:
            self._protocol.guard.gives_back(self.held)
            self.held = 0


def _read_target(method: bytes, url: bytes) -> Target | None:
    """What a request asks for, when it is the door's and plainly written."""
    raw, _, query = url.partition(b"?")
    if b"%" in raw:
        return None
    path = one_slash(raw.decode("latin-1")).rstrip("/")
    endpoint = door.endpoint_for(method.decode(), path)
    return Target(endpoint, method.decode(), path, parse_query(query)) if endpoint else None


_remembered_target = lru_cache(maxsize=256)(_read_target)  # senders ask for the same few again and again


@lru_cache(maxsize=4)
def _common_headers(public_url: str) -> bytes:
    """The headers of every answer; *public_url* is what they depend on."""
    return b"".join(b"%b: %b\r\n" % pair for pair in as_bytes(private()))


class DoorProtocol(BoundedProtocol):
    """uvicorn's protocol with a way of its own for ingest."""

    def on_headers_complete(self) -> None:
        self.begin_body()
        target = None
        if self._is_plain():
            read = _remembered_target if len(self.url) < REMEMBERED_URL else _read_target
            target = read(self.parser.get_method(), self.url)
        if target is None:
            self.begin_cycle()
            return
        address = self.client[0] if self.client else ""
        inbound = Inbound(target.method, target.path, wanted_headers(self.headers), target.query, b"", address)
        keep_alive = self.parser.should_keep_alive()
        self.cycle = DoorCycle(self, target.endpoint, inbound, keep_alive)  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        cycle: Any = self.cycle
        if type(cycle) is not DoorCycle:
            super().on_body(body)
            return
        if cycle.response_complete:
            return
        self.received = cycle.size = cycle.size + len(body)
        if cycle.size > cycle.limit:
            cycle.refuse(door.too_large(cycle.endpoint))
            return
        if cycle.size > self.guard.bounds.small_body:
            if not self.guard.takes(len(body)):
                cycle.refuse(door.refuse(cycle.endpoint, Overloaded("Too many bodies are on their way; send again.")))
                return
            cycle.held += len(body)
        cycle.body.append(body)

    def on_message_complete(self) -> None:
        cycle: Any = self.cycle
        if type(cycle) is not DoorCycle:
            super().on_message_complete()
            return
        cycle.more_body = False
        if cycle.response_complete:
            return
        self.phase = BUSY
        cycle.inbound.body = cycle.body[0] if len(cycle.body) == 1 else b"".join(cycle.body)
        cycle.body = []
        try:
            self.front.begin(cycle.endpoint, cycle.inbound, cycle.answer)
        except Exception:  # or the parser would take our mistake for the sender's
            log.exception("an ingest request could not be handled: %s", cycle.inbound.path)
            cycle.answer(WENT_WRONG)

    def look_at_head(self) -> None:
        """The body is still to come: see whether its sender is known, and whether it may be as large as it says."""
        cycle: Any = self.cycle
        if type(cycle) is not DoorCycle or cycle.admitted or not cycle.more_body or cycle.response_complete:
            return
        cycle.admitted = True
        decided = False

        def decide(refusal: Reply | None) -> None:
            nonlocal decided
            decided = True
            self.flow.resume_reading()
            if cycle.response_complete:
                return
            declared = next((value for name, value in self.headers if name == b"content-length"), b"0")
            if refusal is None and int(declared) > cycle.limit:
                refusal = door.too_large(cycle.endpoint)
            if refusal is not None:
                cycle.refuse(refusal)

        self.front.refuses(cycle.endpoint, cycle.inbound, decide)
        if not decided:  # it takes a look at the database
            self.flow.pause_reading()

    def give_up_cycle(self) -> bool:
        cycle: Any = self.cycle
        if type(cycle) is not DoorCycle:
            return super().give_up_cycle()
        cycle.give_up()
        return False

    def shutdown(self) -> None:
        super().shutdown()
        cycle: Any = self.cycle
        if type(cycle) is DoorCycle and not cycle.response_complete:
            self.loop.call_later((self.config.timeout_graceful_shutdown or GRACE) - LAST_WORD, cycle.cut_off)

    def write_reply(self, reply: Reply, cycle: DoorCycle) -> None:
        """Put the reply on the wire, and let the connection go on or end."""
        content = reply.content
        parts = [STATUS_LINE[reply.status]]
        for name, value in self.server_state.default_headers:
            parts += (name, b": ", value, b"\r\n")
        parts.append(_common_headers(settings.AIOPS_PUBLIC_URL))
        parts.append(CONTENT % len(content))
        for header, text in reply.headers.items():
            if header != "Connection":
                parts.append(f"{header.lower()}: {text}\r\n".encode())
        parts.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
        parts.append(content)
        self.transport.write(b"".join(parts))
        if cycle.more_body:
            self.drain()
        elif not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _is_plain(self) -> bool:
        """Whether the connection is free, and the request one that needs nothing but an answer."""
        cycle = self.cycle
        return (
            (cycle is None or cycle.response_complete)
            and not self.expect_100_continue
            and not self.root_path
            and self.parser.get_http_version() == "1.1"
        )
