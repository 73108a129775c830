"""The front door's two carriers, each as a client of the same shape: Django's views, and the ASGI application with its writer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from django.core.asgi import get_asgi_application
from django.db import connections
from django.test import Client

from incidents.front.app import FrontDoor
from tests.patience import PATIENCE

# What the application writes is committed by a thread of its own.
CARRIERS = [pytest.param("django"), pytest.param("asgi", marks=pytest.mark.django_db(transaction=True))]


class Answer:
    """An answer as Django's test client gives it."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status_code, self.content, self.headers, self.json = (
            answer.status_code,
            answer.content,
            answer.headers,
            answer.json,
        )

    def __getitem__(self, header: str) -> str:
        return self.headers[header]


class AsgiClient:
    """Posts to the application on an event loop of its own, before Django's, which gets what is not the door's."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._door = FrontDoor(get_asgi_application())  # type: ignore[arg-type]
        self._wait(self._door.startup())

    def post(self, path: str, content: bytes | None = b"", content_type: str = "", **options: Any) -> Answer:
        return self.generic("POST", path, content or b"", content_type, **options)

    def get(self, path: str, query: dict[str, str] | None = None, **options: Any) -> Answer:
        return self.generic("GET", f"{path}?{urlencode(query)}" if query else path, b"", **options)

    def generic(
        self, method: str, path: str, content: bytes, content_type: str = "", headers: dict[str, str] | None = None
    ) -> Answer:
        named = {**({"Content-Type": content_type} if content_type else {}), **(headers or {})}

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._door)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
                return await client.request(method, path, content=content, headers=named)

        return Answer(self._wait(ask()))

    def close(self) -> None:
        self._wait(self._door.shutdown())
        self._wait(asyncio.to_thread(connections.close_all))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)
        self._loop.close()

    def _wait(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)


@pytest.fixture(params=CARRIERS)
def client(request: pytest.FixtureRequest, db: None) -> Iterator[Client | AsgiClient]:
    """A sender's client; the test runs once before each carrier."""
    if request.param == "django":
        yield Client()
        return
    made = AsgiClient()
    yield made
    made.close()
