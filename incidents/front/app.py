"""The asynchronous carrier of the front door: takes a request, has it committed, answers. Other requests pass on to
Django.

:meth:`FrontDoor.begin` takes whole requests from our own server's protocol (``protocol.py``), without a task or a
future for each. The ASGI call takes all others.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, MutableMapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.db import connection

from aiops.access import keyring
from aiops.access.services import keys
from aiops.api.errors import InternalError
from aiops.api.middleware import one_slash
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError, Overloaded
from aiops.kernel.headers import as_bytes, private
from aiops.kernel.threads import essential
from incidents import metrics
from incidents.catalogue.services import directory
from incidents.contracts import Arrival, Outcome
from incidents.errors import PartlyStored
from incidents.front import callers, door
from incidents.front.answering import Deed, Keep, Refresh, admitting, answering, away
from incidents.front.callers import LookAgain, Refused
from incidents.front.door import Endpoint
from incidents.front.guard import Bounds, Guard, trusted_proxies
from incidents.front.requests import Inbound, Reply, parse_query, wanted_headers
from incidents.front.writer import PATIENCE, Job, Settled, Writer
from incidents.journal.services.dead_letters import Letter

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Answer = Callable[[Reply], None]
T = TypeVar("T")

SWITCH_INTERVAL = (
    0.0005  # seconds; the writer's thread must not wait 5 ms for the event loop's after each answer of PostgreSQL
)
GC_THRESHOLD = (20_000, 50, 50)  # the default of 700 new objects is reached 30 times by one batch
REFRESH = 2.0  # seconds
GLANCE = 0.5  # seconds between two looks at who waits for too long
LATEST = 0.05  # seconds that an answer waits for a good moment; the database may hang
LARGE = 64 * 1024  # bytes of a body that takes too long to read for everybody else to wait for it
DRAIN = 5.0  # seconds to commit what waits when we stop


class PendingAnswer:
    """Where the result of a job goes when nothing waits for it but an answer to be written. Stands in for a future."""

    __slots__ = ("_answer", "_endpoint", "_open", "started")

    def __init__(
        self, endpoint: Endpoint, answer: Answer, started: float, open_ones: dict[PendingAnswer, None]
    ) -> None:
        self._endpoint, self._answer, self.started, self._open = endpoint, answer, started, open_ones
        open_ones[self] = None

    def done(self) -> bool:
        """Whether the answer was given."""
        return self not in self._open

    def set_result(self, outcomes: list[Outcome]) -> None:
        """Everything is committed."""
        del self._open[self]
        metrics.INGEST_SECONDS.observe(time.perf_counter() - self.started)
        self._answer(door.answer(self._endpoint, outcomes))

    def set_exception(self, error: Exception) -> None:
        """It was not taken."""
        del self._open[self]
        if not isinstance(error, DomainError):
            log.error("a signal could not be stored", exc_info=error)
            error = Overloaded("This went wrong here; send again.", data={"retry_after": 5})
        if isinstance(error, PartlyStored):
            self._answer(door.answer_partly(self._endpoint, error.outcomes, error.errors))
        else:
            self._answer(door.refuse(self._endpoint, error))


class FrontDoor:
    """ASGI application. :meth:`startup` in the lifespan, :meth:`shutdown` after the server stopped listening."""

    def __init__(self, fallback: App, bounds: Bounds | None = None) -> None:
        self._fallback = fallback
        self.guard = Guard(bounds or Bounds.configured(), trusted_proxies())
        self._writer: Writer | None = None
        self._stop = threading.Event()
        self._refresher: threading.Thread | None = None
        self._open: dict[PendingAnswer, None] = {}  # the oldest first
        self._watch: asyncio.TimerHandle | None = None
        self._slow: set[asyncio.Task[None]] = set()

    async def startup(self) -> None:
        """Learn the keys, start the writer."""
        sys.setswitchinterval(SWITCH_INTERVAL)
        gc.collect()
        gc.freeze()  # what the start loaded stays; walking it again and again would stop every request for 50 ms
        gc.set_threshold(*GC_THRESHOLD)
        self._stop.clear()
        loop = asyncio.get_running_loop()
        self._writer = writer = Writer(
            lambda results: loop.call_soon_threadsafe(_settle, results),  # type: ignore[arg-type]
            lambda: loop.call_soon_threadsafe(loop.call_later, LATEST, writer.answers.deliver_late),
        )
        self._writer.start()
        await asyncio.to_thread(_briefly_connected, lambda: (keyring.refresh(), directory.refresh()))
        self._refresher = essential("keyring", self._keep_fresh)
        self._refresher.start()
        self._give_up()

    async def shutdown(self) -> None:
        """Refuse what is new, commit what waits."""
        self._stop.set()
        if self._watch is not None:
            self._watch.cancel()
        if self._writer is not None:
            await asyncio.to_thread(self._writer.stop, DRAIN)
        for waiting in tuple(self._open):  # the database is away: their senders repeat
            waiting.set_exception(Overloaded("The server is stopping; send again.", data={"retry_after": 5}))
        if self._refresher is not None:
            await asyncio.to_thread(self._refresher.join, 1.0)

    def _keep_fresh(self) -> None:
        """What is known at the door is never older than this, so a revocation holds within five seconds."""
        while not self._stop.wait(REFRESH):
            keyring.refresh()
            directory.refresh()
            try:
                keys.flush_uses(utcnow())
            except DatabaseFailure as error:
                log.warning("when keys were last used is written later: %s", error)
            connection.close()

    def _give_up(self) -> None:
        """End what takes too long: connections, and waiting for the writer, which a database that hangs holds."""
        self._watch = asyncio.get_running_loop().call_later(GLANCE, self._give_up)
        self.guard.sweep(asyncio.get_running_loop().time())
        latest = time.perf_counter() - PATIENCE
        for waiting in tuple(self._open):
            if waiting.started > latest:
                break
            metrics.REFUSED.labels("database_away").inc()
            waiting.set_exception(away())

    @property
    def waiting(self) -> int:
        """Signals on their way to the database."""
        return self._writer.waiting if self._writer else 0

    def begin(self, endpoint: Endpoint, inbound: Inbound, answer: Answer) -> None:
        """Take a whole request on the event loop; *answer* is called with the reply, once, later."""
        started = time.perf_counter()
        if self._writer is None:
            answer(door.refuse(endpoint, Overloaded("The server is starting; send again.", data={"retry_after": 1})))
            return
        try:
            received = None if len(inbound.body) > LARGE else door.receive(endpoint, inbound, utcnow())
        except (Refused, LookAgain, DomainError):
            received = None
        if received is None or received.refused:
            self._later(self._answer_slowly(endpoint, inbound, answer))
        elif not received.arrivals:
            answer(door.answer(endpoint, []))
        else:
            waiting = PendingAnswer(endpoint, answer, started, self._open)
            try:
                self._writer.submit(Job(waiting, received.arrivals))
            except Overloaded as error:
                waiting.set_exception(error)

    def _later(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._slow.add(task)
        task.add_done_callback(self._slow.discard)

    async def _answer_slowly(self, endpoint: Endpoint, inbound: Inbound, answer: Answer) -> None:
        """What memory alone can't answer, or not at once: perhaps the database knows the key, the body has to be kept, or it is
        so large that everybody else would wait while it is read."""
        answer(await self._handle(endpoint, inbound))

    def refuses(self, endpoint: Endpoint, inbound: Inbound, answer: Callable[[Reply | None], None]) -> None:
        """Judge the head of a request whose body is still to come: *answer* is called with the refusal, or with None when its
        sender is known. At once when memory knows."""
        asked = admitting(endpoint, inbound, now := utcnow())
        try:
            first = next(asked)
        except StopIteration as known:
            answer(known.value)
            return

        async def ask() -> None:
            answer(await self._drive(asked, first, inbound, now))

        self._later(ask())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = one_slash(scope["path"]).rstrip("/") if scope["type"] == "http" else ""
        endpoint = door.endpoint_for(scope["method"], path) if path else None
        if endpoint is None or self._writer is None:
            await self._fallback(scope, receive, send)
            return
        inbound = Inbound(
            scope["method"],
            path,
            wanted_headers(scope["headers"]),
            parse_query(scope["query_string"]),
            b"",
            (scope.get("client") or ("",))[0],
        )
        now = utcnow()
        refusal = await self._drive(admitting(endpoint, inbound, now), None, inbound, now)
        if refusal is not None:
            refusal.headers["Connection"] = "close"
            await _send(send, refusal)
            return
        body = await _body(receive, settings.AIOPS_MAX_BODY_BYTES)
        if body is None:
            await _send(send, door.too_large(endpoint))
            return
        inbound.body = body
        await _send(send, await self._handle(endpoint, inbound))

    async def _handle(self, endpoint: Endpoint, inbound: Inbound) -> Reply:
        started, now = time.perf_counter(), utcnow()
        try:
            reply: Reply = await self._drive(answering(endpoint, inbound, now), None, inbound, now)
        except Exception:
            log.exception("an ingest request could not be handled: %s", inbound.path)
            return door.refuse(endpoint, InternalError("Internal server error"))
        if reply.status < 300:
            metrics.INGEST_SECONDS.observe(time.perf_counter() - started)
        return reply

    async def _drive(self, asked: Generator[Deed, Any, T], deed: Deed | None, inbound: Inbound, now: datetime) -> T:
        """Do what *asked* wants, *deed* first if it was told already, and return its answer; all within our patience."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        if deed is None:
            read = partial(_advance, lambda: next(asked))
            is_over, told = await asyncio.to_thread(read) if len(inbound.body) > LARGE else read()
        else:
            is_over, told = False, deed
        while not is_over:
            try:
                async with asyncio.timeout_at(deadline):
                    result = await self._do(told, inbound, now)
            except TimeoutError:
                is_over, told = _advance(lambda: asked.throw(away()))
            except Exception as failure:  # noqa: BLE001 - it is the other side's to judge
                is_over, told = _advance(partial(asked.throw, failure))
            else:
                is_over, told = _advance(partial(asked.send, result))
        found: T = told
        return found

    async def _do(self, deed: Deed, inbound: Inbound, now: datetime) -> list[Outcome]:
        if isinstance(deed, Refresh):
            await asyncio.to_thread(_briefly_connected, lambda: callers.refresh(inbound, now))
            return []
        return await (self._submit(letter=deed.letter) if isinstance(deed, Keep) else self._submit(deed.arrivals))

    async def _submit(self, arrivals: Sequence[Arrival] = (), letter: Letter | None = None) -> list[Outcome]:
        if self._writer is None:
            raise Overloaded("The server is starting; send again.", data={"retry_after": 1})
        future: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        self._writer.submit(Job(future, arrivals, letter))
        return await future


def _advance(step: Callable[[], Any]) -> tuple[bool, Any]:
    """Whether the generator that *step* moves on is over, and what it returned, else what it wants done."""
    try:
        return False, step()
    except StopIteration as answer:
        return True, answer.value


def _briefly_connected(ask: Callable[[], object]) -> None:
    """Run *ask* in a thread of the pool and give the connection back."""
    try:
        ask()
    finally:
        connection.close()


def _settle(results: list[tuple[Job, Settled]]) -> None:
    """On the event loop: let requests answer (but those whose client went away)."""
    for job, result in results:
        if job.waiter.done():
            continue
        if isinstance(result, Exception):
            job.waiter.set_exception(result)
        else:
            job.waiter.set_result(result)


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The whole body, None when it is larger than *limit* (the rest is read and dropped, so that the answer gets through)."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        return body if len(body) <= limit else None
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        part = message.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
        elif size > 4 * limit:
            break
    return b"".join(parts) if size <= limit else None


async def _send(send: Send, reply: Reply) -> None:
    content = reply.content
    named = {"Content-Type": "application/json", "Content-Length": str(len(content))} | private() | reply.headers
    headers = as_bytes(named)
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
