"""The ASGI entry: ingest requests go to the front door, WebSockets to Channels, all other requests to Django."""

from __future__ import annotations

import asyncio
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from channels.auth import AuthMiddlewareStack
from channels.routing import URLRouter
from channels.security.websocket import WebsocketDenier
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiops.settings")
django_application = get_asgi_application()

# What follows needs loaded apps.
from django.db import connections  # noqa: E402

from aiops import process  # noqa: E402
from aiops.api.middleware import one_slash  # noqa: E402
from aiops.edge import Edge  # noqa: E402
from aiops.kernel import live  # noqa: E402
from aiops.origins import SameOrigin  # noqa: E402
from aiops.routing import SOCKETS, websocket_urlpatterns  # noqa: E402
from incidents.front.app import FrontDoor  # noqa: E402
from incidents.front.protocol import FRONT_DOOR  # noqa: E402

log = logging.getLogger(__name__)

DRAIN_SECONDS = 1.5  # what is still in the collector when no request waits any more
PARTS_SECONDS = 2.0  # for the tasks that run
CUT_OFF = b'{"message":"The server is stopping; send again.","detail":"The server is stopping; send again."}'
CUT_OFF_HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(CUT_OFF)).encode()),
    (b"retry-after", b"5"),
    (b"connection", b"close"),
]


class Application:
    """The composition of the three, and the order in which they begin and end."""

    def __init__(self) -> None:
        edge = Edge(cast("Any", django_application))
        self._http: Any = FrontDoor(edge)
        edge.guard = self._http.guard
        self._websocket = SameOrigin(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._connect(scope, receive, send)
        else:
            await self._lifespan(scope, receive, send)

    async def _answer(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """An HTTP request. One that a stop cuts off is told so, if it has heard nothing yet."""
        begun = False

        async def noting(message: dict[str, Any]) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._http(scope, receive, noting)
        except asyncio.CancelledError:
            if not process.stopping.is_set():
                raise
            log.warning("the stop cut off %s %s", scope["method"], scope["path"])
            if not begun:
                await send({"type": "http.response.start", "status": 503, "headers": CUT_OFF_HEADERS})
                await send({"type": "http.response.body", "body": CUT_OFF})

    async def _connect(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """A WebSocket. Slashes make no difference, and an unknown path is refused like any other."""
        path = one_slash(scope["path"]).rstrip("/")
        if path in SOCKETS:
            await self._websocket({**scope, "path": path}, receive, send)
        else:
            await WebsocketDenier()(scope, receive, send)

    async def _lifespan(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        await self._start()
        if "state" in scope:  # our own server's protocol hands ingest requests over without a task for each
            scope["state"][FRONT_DOOR] = self._http
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        live.bind(loop)
        await self._http.startup()
        for part in process.parts:
            part.start()

    async def _stop(self) -> None:
        """Refuse new, drain the collector, beat, worker, pools. PostgreSQL, if it is ours, follows when the server is gone."""
        process.stopping.set()
        try:
            await asyncio.wait_for(self._http.shutdown(), DRAIN_SECONDS)
        except TimeoutError:
            log.error(
                "the collector could not be drained within %.1f s; its senders got no answer and repeat", DRAIN_SECONDS
            )
        # A thread of our own: those of the loop may all be held by requests that hang.
        with_thread = ThreadPoolExecutor(1, thread_name_prefix="stop")
        loop = asyncio.get_running_loop()
        for part in reversed(process.parts):
            await loop.run_in_executor(with_thread, part.stop, PARTS_SECONDS)
        live.bind(None)
        await loop.run_in_executor(with_thread, _close_pools)
        with_thread.shutdown(wait=False)


def _close_pools() -> None:
    for connection in connections.all():
        if hasattr(connection, "close_pool"):
            connection.close_pool()


application = Application()
