"""What one WebSocket may hold of the web process: memory for what its other side does not read, pieces, and time to end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from incidents.front.guard import Bounds
from tests.front import test_protocol
from tests.front.test_protocol import Server, answer, key, request, running
from tests.limits.budget import cpu_budget
from tests.patience import PATIENCE

__all__ = ("key",)

pytestmark = pytest.mark.django_db(transaction=True)

HANDSHAKE = (
    b"GET /ws/console HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
PING = b"\x89\xfd\0\0\0\0" + b"x" * 125
EMPTY_START, EMPTY_PART = b"\x01\x80\0\0\0\0", b"\x00\x80\0\0\0\0"


@pytest.fixture(params=["stays", "is closed"])
def ends(request: Any) -> bool:
    return bool(request.param == "is closed")


@pytest.fixture
async def server(key: str, ends: bool, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    plain = Server.app

    async def app(self: Server, scope: Any, receive: Any, send: Any) -> None:
        """A page, or one that is told at once that nobody is signed in."""
        if scope["type"] != "websocket":
            await plain(self, scope, receive, send)
            return
        await send({"type": "websocket.accept"})
        if ends:
            await send({"type": "websocket.close", "code": 4401})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    monkeypatch.setattr(test_protocol.Server, "app", app)
    async with running(Bounds(drain_seconds=0.5)) as server:
        yield server


async def opened(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await server.connect()
    writer.write(HANDSHAKE)
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def flood(server: Server, start: bytes, piece: bytes, most: int) -> None:
    """Send *piece* until the server has had enough, without reading anything; it is seen no later than after *most* bytes."""
    _, writer = await opened(server)
    writer.write(start)
    chunk = piece * (60_000 // len(piece))
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < most and not writer.is_closing() and server.door.guard.open:
            writer.write(chunk)
            sent += len(chunk)
            await asyncio.wait_for(writer.drain(), PATIENCE)
            await asyncio.sleep(0)
    assert sent < most
    writer.close()


@pytest.mark.parametrize(
    ("start", "piece"), [(b"", PING), (EMPTY_START, EMPTY_PART)], ids=["pings", "a message of empty parts"]
)
async def test_who_sends_without_end_and_reads_nothing_is_let_go(
    server: Server, key: str, start: bytes, piece: bytes
) -> None:
    with cpu_budget(3):
        await flood(server, start, piece, most=20_000_000)
    reader, writer = await server.connect()
    writer.write(request(key, "fine"))
    assert (await answer(reader))[0] == 200
    writer.close()


@pytest.mark.parametrize("ends", ["is closed"], indirect=True)
async def test_a_socket_that_is_told_to_end_ends_though_the_other_side_never_agrees(server: Server) -> None:
    reader, writer = await opened(server)
    assert await reader.readexactly(4) == b"\x88\x02" + (4401).to_bytes(2, "big")
    with contextlib.suppress(ConnectionError):
        assert await asyncio.wait_for(reader.read(), 8) == b"", (
            "the ten seconds of its closing handshake were waited for"
        )
    while server.door.guard.open:
        await asyncio.sleep(0.05)
    writer.close()


@pytest.mark.parametrize("ends", ["stays"], indirect=True)
@pytest.mark.parametrize(
    "head", [HANDSHAKE.replace(b"dGhl", b"#"), HANDSHAKE.replace(b"Version: 13", b"Version: 8")], ids=["key", "version"]
)
async def test_a_refused_handshake_carries_the_headers_of_every_answer(server: Server, head: bytes) -> None:
    reader, writer = await server.connect()
    writer.write(head)
    got = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    assert got.startswith(("http/1.1 400", "http/1.1 426"))
    for header in ("x-content-type-options: nosniff", "content-security-policy: ", "cache-control: no-store"):
        assert header in got
    writer.close()


@pytest.mark.parametrize("ends", ["stays"], indirect=True)
async def test_an_open_page_stays_and_a_ping_is_answered(server: Server) -> None:
    reader, writer = await opened(server)
    writer.write(PING)
    assert await asyncio.wait_for(reader.readexactly(127), PATIENCE) == b"\x8a\x7d" + b"x" * 125
    server.door.guard.sweep(asyncio.get_running_loop().time() + 1000)
    writer.write(PING)
    assert await asyncio.wait_for(reader.readexactly(127), PATIENCE) == b"\x8a\x7d" + b"x" * 125
    writer.close()


def test_no_address_may_hold_every_connection(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AIOPS_CONNECTIONS_PER_ADDRESS = 200
    monkeypatch.setattr("incidents.front.guard.resource.getrlimit", lambda _: (256, 256))
    found = Bounds.configured()
    assert (found.connections, found.per_address) == (128, 64)
