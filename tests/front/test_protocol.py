"""The door's own protocol under a real uvicorn: order, pieces, bodies that are too large, clients that go away, a stop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from channels.db import database_sync_to_async

from aiops.access import keyring
from aiops.access.actors import SYSTEM, Role
from aiops.access.services.keys import create_key
from incidents.catalogue.services import directory
from incidents.catalogue.services.bootstrap import ensure_workspace_defaults
from incidents.front.app import FrontDoor
from incidents.front.guard import Bounds
from incidents.front.protocol import FRONT_DOOR, DoorProtocol
from incidents.front.sockets import BoundedSocket
from incidents.models import Alert, DeadLetter
from tests.factories import NOW, make_workspace
from tests.patience import PATIENCE

pytestmark = pytest.mark.django_db(transaction=True)


async def _fallback(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": [(b"content-length", b"6")]})
    await send({"type": "http.response.body", "body": b"django"})


class Server:
    """uvicorn with the door's protocol, on a port of its own, in this loop."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.door = FrontDoor(_fallback, bounds)
        self.door_calls = 0
        config = uvicorn.Config(
            self.app, port=0, http=DoorProtocol, ws=BoundedSocket, interface="asgi3", lifespan="on", log_config=None,
            access_log=False,
        )  # fmt: skip
        self.uvicorn = uvicorn.Server(config)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await self.door.startup()
            scope["state"][FRONT_DOOR] = self.door
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self.door.shutdown()
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.door_calls += 1
        await self.door(scope, receive, send)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        port = self.uvicorn.servers[0].sockets[0].getsockname()[1]
        return await asyncio.open_connection("127.0.0.1", port)


@pytest.fixture
def key() -> str:
    workspace = make_workspace()
    ensure_workspace_defaults(workspace)
    _, raw = create_key(actor=SYSTEM, name="test", workspace=workspace, role=Role.OPERATOR, now=NOW)
    keyring.refresh()
    directory.refresh()
    return raw


@contextlib.asynccontextmanager
async def running(bounds: Bounds | None = None) -> AsyncIterator[Server]:
    server = Server(bounds)
    task = asyncio.ensure_future(server.uvicorn._serve())
    while not server.uvicorn.started:
        await asyncio.sleep(0.01)
    yield server
    server.uvicorn.should_exit = True
    await task


@pytest.fixture
async def server(key: str) -> AsyncIterator[Server]:
    async with running() as server:
        yield server


def request(key: str, title: str, *, path: str = "/webhook", extra: str = "", body: bytes | None = None) -> bytes:
    content = json.dumps({"title": title}).encode() if body is None else body
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n{extra}Content-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


async def answer(reader: asyncio.StreamReader) -> tuple[int, str, dict[str, Any]]:
    """Status, head and body of the next answer."""
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)).decode()
    length = re.search(r"content-length: (\d+)", head)
    content = await reader.readexactly(int(length[1]) if length else 0)
    return int(head.split()[1]), head, json.loads(content) if content[:1] in b"{[" else {"text": content.decode()}


async def stored() -> list[str]:
    return await database_sync_to_async(lambda: sorted(Alert.objects.values_list("title", flat=True)))()


async def test_requests_on_one_connection_are_answered_one_after_the_other(server: Server, key: str) -> None:
    reader, writer = await server.connect()
    for n in range(3):
        writer.write(request(key, f"t{n}"))
        status, head, body = await answer(reader)
        assert (status, body["ok"]) == (200, True)
        assert "connection: close" not in head and "date: " in head
    assert await stored() == ["t0", "t1", "t2"]
    assert server.door_calls == 0, "none of them needed an ASGI cycle"


async def test_requests_that_do_not_wait_are_answered_in_their_order(server: Server, key: str) -> None:
    reader, writer = await server.connect()
    writer.write(b"".join(request(key, f"t{n}") for n in range(5)) + request(key, "", path="/elsewhere"))
    ids = [(await answer(reader))[2]["incident_id"] for _ in range(5)]
    assert ids == sorted(ids), "the first opened the first incident"
    assert (await answer(reader))[0] == 418
    assert await stored() == [f"t{n}" for n in range(5)]


async def test_a_request_in_pieces_of_one_byte(server: Server, key: str) -> None:
    reader, writer = await server.connect()
    for byte in request(key, "in pieces"):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    assert (await answer(reader))[0] == 200
    assert await stored() == ["in pieces"]


async def test_a_chunked_body_and_one_larger_than_a_buffer(server: Server, key: str) -> None:
    reader, writer = await server.connect()
    head = f"POST /webhook?source=webhook HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head.encode() + b'7\r\n{"title\r\n5\r\n": "c\r\n2\r\n"}\r\n0\r\n\r\n')
    assert (await answer(reader))[0] == 200
    writer.write(request(key, "", body=json.dumps({"title": "large", "description": "x" * 300_000}).encode()))
    assert (await answer(reader))[0] == 200
    assert await stored() == ["c", "large"]


async def test_a_body_that_is_too_large(server: Server, key: str, settings: Any) -> None:
    settings.AIOPS_MAX_BODY_BYTES = 1000
    reader, writer = await server.connect()
    writer.write(request(key, "x" * 2000))
    status, head, body = await answer(reader)
    assert (status, "connection: close" in head) == (413, True)
    assert "1000 bytes" in body["detail"]
    assert await reader.read() == b""
    assert await stored() == []


async def test_what_is_no_http_is_refused_and_harms_nobody(server: Server, key: str) -> None:
    reader, writer = await server.connect()
    writer.write(b"POST /webhook HTTP/1.1\r\nContent-Length: many\r\n\r\n{}")
    assert b" 400 " in await reader.readline()
    reader, writer = await server.connect()
    writer.write(request(key, "still here"))
    assert (await answer(reader))[0] == 200


async def test_an_unknown_key_and_a_body_that_says_nothing(server: Server, key: str) -> None:
    reader, writer = await server.connect()
    writer.write(request("wrong", "x"))
    assert (await answer(reader))[0] == 401
    writer.write(request(key, "", body=b'{"severity": "high"}'))
    status, _, body = await answer(reader)
    assert (status, body["field"]) == (422, "title")
    assert await database_sync_to_async(DeadLetter.objects.count)() == 1
    writer.write(request(key, "", path="/in/0123456789abcdef0123456789abcdef"))
    assert (await answer(reader))[0] == 404


async def test_a_client_that_goes_away_before_its_answer(server: Server, key: str) -> None:
    for n in range(20):
        _, writer = await server.connect()
        writer.write(request(key, f"gone {n:02}"))
        await writer.drain()
        writer.transport.abort()
    reader, writer = await server.connect()
    writer.write(request(key, "stays"))
    assert (await answer(reader))[0] == 200


async def test_unusual_requests_take_the_other_way(server: Server, key: str) -> None:
    reader, writer = await server.connect()
    writer.write(request(key, "old").replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert (await answer(reader))[0] == 200
    reader, writer = await server.connect()
    content = b'{"title": "careful"}'
    head = f"POST /webhook HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nExpect: 100-continue\r\n"
    writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode())
    assert b"100 Continue" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    writer.write(content)
    assert (await answer(reader))[0] == 200
    assert await stored() == ["careful", "old"]
    assert server.door_calls == 2


async def test_who_asks_for_the_end_of_the_connection_gets_it(server: Server, key: str) -> None:
    reader, writer = await server.connect()
    writer.write(request(key, "last", extra="Connection: close\r\n"))
    status, head, _ = await answer(reader)
    assert (status, "connection: close" in head) == (200, True)
    assert await reader.read() == b""
