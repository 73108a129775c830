"""ASGI middleware around Django: limits the size of bodies, and answers in time though the database hangs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.utils.http import parse_header_parameters

from aiops import probes
from aiops.api.envelopes import client, envelope_of
from aiops.kernel.headers import as_bytes, private
from incidents.front.guard import Guard

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

UPLOADS = re.compile(r"/console/oncall/(?:mine|[0-9]+)/import/?")
HANGS = 5.0  # seconds without an answer, after which we ask whether the database is there
DRAIN_SECONDS = 2.0
AGAIN = 2.0  # seconds until we ask again
_ask = ThreadPoolExecutor(1, thread_name_prefix="edge")  # the loop's own threads may all wait for the database


class _Refused(Exception):
    """The body is more than we take."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class Edge:
    """An ASGI application around another one that knows no bounds."""

    def __init__(
        self, app: App, database: Callable[[], probes.Finding] = probes.database, hangs: float = HANGS
    ) -> None:
        self._app, self._database, self._hangs = app, database, hangs
        self.guard: Guard | None = None  # what bodies may take together

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        exchange = _Exchange(scope, receive, send, self.guard)
        patience = asyncio.ensure_future(exchange.lose_patience(self._database, self._hangs))
        try:
            exchange.look_at_head()
            await self._app(scope, exchange.receive, exchange.send)
        except _Refused as refusal:
            await exchange.answer(refusal.status, refusal.message, {"Connection": "close"}, drain=True)
        except Exception:
            log.exception("could not answer %s %s", scope["method"], scope["path"])
            await exchange.answer(500, "Internal server error", {"Connection": "close"})
        finally:
            patience.cancel()
            exchange.let_go()


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Message, receive: Receive, send: Send, guard: Guard | None) -> None:
        self._scope, self._receive, self._send, self._guard = scope, receive, send, guard
        is_upload = UPLOADS.fullmatch(scope["path"]) is not None
        self._limit = settings.AIOPS_MAX_UPLOAD_BYTES if is_upload else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        self._size = self._held = 0
        self._begun = self._over = False

    def look_at_head(self) -> None:
        """Raises when the sender says itself that it is too much, or in what way it sends can't be read."""
        for name, value in self._scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > self._limit:
                raise self._too_large()
            if name == b"content-type" and b"*" in value:  # a parameter in a character set of its own (RFC 2231)
                try:
                    parse_header_parameters(value.decode("latin-1"))
                except (ValueError, LookupError):
                    raise _Refused(400, "The Content-Type can't be read.") from None

    async def receive(self) -> Message:
        """The next piece of the body; raises when it is one too many."""
        message = await self._receive()
        self._size += (size := len(message.get("body", b"")))
        if self._size > self._limit:
            raise self._too_large()
        if self._guard is not None and self._size > self._guard.bounds.small_body:
            if not self._guard.takes(size):
                raise _Refused(503, "Too many bodies are on their way; send again.")
            self._held += size
        return message

    async def send(self, message: Message) -> None:
        """Pass on what the application answers, unless we have answered ourselves."""
        if not self._over:
            self._begun = True
            await self._send(message)

    async def answer(self, status: int, message: str, headers: dict[str, str], *, drain: bool = False) -> None:
        """Answer in the application's place, if it has not begun. *drain*: drop what still comes for a moment, or the sender,
        who is not done writing, would not get to read it."""
        if self._begun:
            return
        self._begun = self._over = True
        envelope = envelope_of(self._scope["path"]) or client
        content = json.dumps(envelope(status, message)).encode()
        named = {"Content-Type": "application/json", "Content-Length": str(len(content))} | private() | headers
        await self._send({"type": "http.response.start", "status": status, "headers": as_bytes(named)})
        await self._send({"type": "http.response.body", "body": content, "more_body": True})
        if drain:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_SECONDS):
                    while (await self._receive()).get("more_body"):
                        pass
        await self._send({"type": "http.response.body", "body": b""})

    async def lose_patience(self, database: Callable[[], probes.Finding], hangs: float) -> None:
        """Answer once it takes long and the database is not there. Its threads go on waiting; nobody else has to."""
        await asyncio.sleep(hangs)
        while not self._begun:
            if not (await asyncio.get_running_loop().run_in_executor(_ask, database)).ok:
                log.warning("gave up %s %s: the database does not answer", self._scope["method"], self._scope["path"])
                await self.answer(503, "The database does not answer; try again.", {"Retry-After": "5"})
                return
            await asyncio.sleep(AGAIN)

    def let_go(self) -> None:
        """It is over."""
        if self._guard is not None:
            self._guard.gives_back(self._held)

    def _too_large(self) -> _Refused:
        return _Refused(413, f"The body is larger than {self._limit} bytes.")
