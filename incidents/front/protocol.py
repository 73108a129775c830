"""The front door's own carrier: uvicorn's HTTP protocol, which hands whole ingest requests over instead of running an ASGI cycle.

An ASGI request costs a task, two closures, a dozen dictionaries and four switches: more than everything that ingest does with
it. Here the parser's last callback asks the door, and the answer is written when the commit is known. Anything unusual (another
path, HTTP/1.0, ``Expect``, a request behind one that still runs) takes the ASGI way, which the front door speaks as well.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from aiops.kernel.errors import Overloaded
from incidents.front import door
from incidents.front.app import FrontDoor, too_large
from incidents.front.door import Endpoint
from incidents.front.requests import Inbound, Reply, parse_query, wanted_headers

log = logging.getLogger(__name__)

FRONT_DOOR = "front_door"  # where the ASGI lifespan state keeps it
GRACE = 4.0  # seconds that a body may still take when the server stops, unless the server says otherwise
LAST_WORD = 0.3  # seconds before that in which the sender is told
WENT_WRONG = Reply(500, {"detail": "Internal server error", "message": "Internal server error"})
CONTENT = b"content-type: application/json\r\ncontent-length: %d\r\n"


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
        "body",
        "disconnected",
        "endpoint",
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
        self.more_body, self.response_complete, self.disconnected = True, False, False

    @property
    def message_event(self) -> DoorCycle:
        """What uvicorn sets when the client goes away."""
        return self

    def set(self) -> None:
        """Nobody waits: an answer to nobody is dropped."""

    def cut_off(self) -> None:
        """The server stops and the body has not come: say so, so that it is sent again."""
        if not self.response_complete and self.more_body:
            self.answer(door.refuse(self.endpoint, Overloaded("The server is stopping; send again.")))

    def answer(self, reply: Reply) -> None:
        """Write the reply, if somebody is still there to read it."""
        self.response_complete = True
        if not self.disconnected and not self._protocol.transport.is_closing():
            self._protocol.write_reply(reply, self)


@lru_cache(maxsize=256)  # senders ask for the same few again and again
def _target(method: bytes, url: bytes) -> Target | None:
    """What a request asks for, when it is the door's and plainly written."""
    raw, _, query = url.partition(b"?")
    if b"%" in raw:
        return None
    path = raw.decode("latin-1").rstrip("/")
    endpoint = door.endpoint_for(method.decode(), path)
    return Target(endpoint, method.decode(), path, parse_query(query)) if endpoint else None


class DoorProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a way of its own for ingest."""

    def on_headers_complete(self) -> None:
        target = _target(self.parser.get_method(), self.url) if self._is_plain() else None
        if target is None:
            super().on_headers_complete()
            return
        inbound = Inbound(target.method, target.path, wanted_headers(self.headers), target.query, b"")
        keep_alive = self.parser.should_keep_alive()
        self.cycle = DoorCycle(self, target.endpoint, inbound, keep_alive)  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        cycle: Any = self.cycle
        if type(cycle) is not DoorCycle:
            super().on_body(body)
            return
        cycle.size += len(body)
        if cycle.size <= cycle.limit:
            cycle.body.append(body)
        elif cycle.size > 4 * cycle.limit and not cycle.response_complete:
            cycle.keep_alive = False
            cycle.answer(too_large())  # who goes on sending after that is not listened to

    def on_message_complete(self) -> None:
        cycle: Any = self.cycle
        if type(cycle) is not DoorCycle:
            super().on_message_complete()
            return
        cycle.more_body = False
        if cycle.response_complete:
            return
        if cycle.size > cycle.limit:
            cycle.keep_alive = False
            cycle.answer(too_large())
            return
        cycle.inbound.body = cycle.body[0] if len(cycle.body) == 1 else b"".join(cycle.body)
        front: FrontDoor = self.app_state[FRONT_DOOR]
        try:
            front.begin(cycle.endpoint, cycle.inbound, cycle.answer)
        except Exception:  # or the parser would take our mistake for the sender's
            log.exception("an ingest request could not be handled: %s", cycle.inbound.path)
            cycle.answer(WENT_WRONG)

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
        parts.append(CONTENT % len(content))
        for header, text in reply.headers.items():
            if header != "Connection":
                parts.append(f"{header.lower()}: {text}\r\n".encode())
        parts.append(b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n")
        parts.append(content)
        self.transport.write(b"".join(parts))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _is_plain(self) -> bool:
        """Whether the connection is free, and the request one that needs nothing but an answer."""
        cycle = self.cycle
        return (
            (cycle is None or cycle.response_complete)
            and FRONT_DOOR in self.app_state
            and not self.expect_100_continue
            and not self.root_path
            and self.parser.get_http_version() == "1.1"
        )
