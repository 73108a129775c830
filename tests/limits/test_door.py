"""What a stranger may send to the front door and hold of it: every bound, over real sockets, with the clock in our hands."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from aiops.edge import Edge
from aiops.kernel import encodings
from aiops.kernel.errors import BodyTooLarge, UnparsableBody, UnsupportedEncoding
from aiops.probes import Probe
from incidents.front import app as app_module
from incidents.front.guard import Bounds, Guard, Phase
from tests.front.test_protocol import Server, answer, key, request, running, stored
from tests.limits.budget import cpu_budget
from tests.patience import PATIENCE

__all__ = ("key",)

MIB = 1024 * 1024
real_sockets = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def server(key: str) -> AsyncIterator[Server]:
    async with running(Bounds(body_memory=300_000, small_body=10_000, connections=20)) as server:
        yield server


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


def connections(server: Server) -> list[Any]:
    """Those that the door's guard watches."""
    return list(server.door.guard._connections)


async def endless(server: Server, start: bytes, more: bytes, most: int = 200) -> tuple[int, str, dict[str, Any], int]:
    """Send *start*, then *more* again and again until somebody stops it; the answer, and how often *more* was sent."""
    reader, writer = await server.connect()
    writer.write(start)
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < most:
            sent += 1
            writer.write(more)
            await writer.drain()
            await asyncio.sleep(0)
            if reader._buffer:  # type: ignore[attr-defined]
                break
    status, head, body = await answer(reader)
    writer.close()
    return status, head, body, sent


# --- heads -------------------------------------------------------------------------------------------------------------
@real_sockets
@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"GET /webhook HTTP/1.1\r\nHost: x\r\nX-A: ", b"a" * 65_536),
        (b"POST /", b"a" * 65_536),
        (b"POST /webhook?source=", b"a" * 1000),
        (b"POST /webhook HTTP/1.1\r\nHost: x\r\n", b"X-Some: thing\r\n" * 1000),
        (b"POST /webhook HTTP/1.1\r\n", b"a" * 10_000),
    ],
    ids=["header", "url", "query", "headers", "name"],
)
async def test_an_endless_head_is_refused_at_64_kib_and_harms_nobody(
    server: Server, key: str, start: bytes, more: bytes
) -> None:
    with cpu_budget(1):
        status, head, body, _ = await endless(server, start, more)
    assert (status, "connection: close" in head.lower()) == (431, True)
    assert body
    reader, writer = await server.connect()
    writer.write(request(key, "fine"))
    assert (await answer(reader))[0] == 200


@real_sockets
async def test_a_large_head_within_the_bounds_is_read_whole_and_in_pieces(server: Server, key: str) -> None:
    for pause in (0, 0.01):
        reader, writer = await server.connect()
        message = request(key, "large head", extra=f"X-Long: {'a' * 60_000}\r\n")
        for start in range(0, len(message), 20_000):
            writer.write(message[start : start + 20_000])
            await asyncio.sleep(pause)
        assert (await answer(reader))[0] == 200


@real_sockets
async def test_many_headers_are_refused_though_they_are_small(server: Server, key: str) -> None:
    reader, writer = await server.connect()
    writer.write(request(key, "x", extra="A: b\r\n" * 200))
    assert (await answer(reader))[0] == 431


@real_sockets
async def test_a_large_body_before_a_request_on_the_same_connection_is_not_counted_as_its_head(
    server: Server, key: str
) -> None:
    reader, writer = await server.connect()
    large = b'{"title": "large", "description": "' + b"x" * 100_000 + b'"}'
    whole = request(key, "", body=large) + request(key, "second")
    writer.write(whole[:-40])
    await asyncio.sleep(0.05)
    writer.write(whole[-40:])
    assert [(await answer(reader))[0] for _ in range(2)] == [200, 200]


@real_sockets
async def test_who_is_slow_with_the_head_or_says_nothing_is_let_go(server: Server) -> None:
    reader, writer = await server.connect()
    writer.write(b"POST /webhook HT")
    silent, _ = await server.connect()
    await until(lambda: sorted(each._head for each in connections(server)) == [0, 16])
    now = asyncio.get_running_loop().time()
    server.door.guard.sweep(now + 14)
    server.door.guard.sweep(now + 16)
    assert (await answer(reader))[0] == 408
    assert await asyncio.wait_for(silent.read(), PATIENCE) == b""
    assert await asyncio.wait_for(reader.read(), PATIENCE) == b""


# --- bodies ------------------------------------------------------------------------------------------------------------
@real_sockets
async def test_a_body_has_30_seconds_and_one_more_for_every_10_kb(server: Server, key: str) -> None:
    senders = [await server.connect() for _ in range(2)]
    head = f"POST /api/v2/alerts HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Length: 200000\r\n\r\n".encode()
    for (_, writer), size in zip(senders, (1, 100_000), strict=True):
        writer.write(head + b"a" * size)
    await until(lambda: sorted(each.received for each in connections(server)) == [1, 100_000])
    server.door.guard.sweep(asyncio.get_running_loop().time() + 32)
    (slow, _), (steady, _) = senders
    assert (await answer(slow))[2]["code"] == 408
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(steady.read(1), 0.1)
    server.door.guard.sweep(asyncio.get_running_loop().time() + 45)
    assert (await answer(steady))[0] == 408
    assert server.door.guard.held == 0


@real_sockets
@pytest.mark.parametrize(
    ("path", "status"),
    [("/webhook", 401), ("/api/events", 401), ("/api/v2/alerts", 401), ("/in/0123456789abcdef0123456789abcdef", 404)],
)
async def test_an_unknown_key_is_refused_before_its_body(server: Server, path: str, status: int) -> None:
    reader, writer = await server.connect()
    writer.write(f"POST {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: nobody\r\nContent-Length: 1000000\r\n\r\n".encode())
    found, head, _ = await answer(reader)
    assert (found, "connection: close" in head) == (status, True)
    writer.write(b"a" * 500_000)  # it is dropped, and nobody is reset before the answer was read
    await writer.drain()


@real_sockets
async def test_a_known_key_may_take_its_time_with_the_body(server: Server, key: str) -> None:
    reader, writer = await server.connect()
    message = request(key, "slowly")
    writer.write(message[:-5])
    await asyncio.sleep(0.1)
    writer.write(message[-5:])
    assert (await answer(reader))[0] == 200


@real_sockets
async def test_a_body_that_says_it_is_too_large_is_refused_at_once(server: Server, key: str) -> None:
    reader, writer = await server.connect()
    writer.write(f"POST /webhook HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Length: 5000000\r\n\r\n".encode())
    assert (await answer(reader))[0] == 413


@real_sockets
async def test_bodies_on_their_way_share_a_budget_of_memory(server: Server, key: str) -> None:
    head = f"POST /webhook HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Length: 200000\r\n\r\n".encode()
    first = await server.connect()
    first[1].write(head + b"a" * 190_000)
    await until(lambda: [each.received for each in connections(server)] == [190_000])
    reader, writer = await server.connect()
    writer.write(head + b"a" * 190_000)
    status, answered, _ = await answer(reader)
    assert (status, "retry-after: 5" in answered) == (503, True)
    small = await server.connect()
    small[1].write(request(key, "small ones always pass"))
    assert (await answer(small[0]))[0] == 200
    first[1].close()
    while server.door.guard.held:
        await asyncio.sleep(0.01)
    reader, writer = await server.connect()
    writer.write(request(key, "", body=b'{"title": "' + b"x" * 190_000 + b'"}'))
    assert (await answer(reader))[0] == 200
    assert server.door.guard.held == 0


@real_sockets
@pytest.mark.parametrize(
    "more", [b"X-Trailer: a\r\n", b"1;" + b"x" * 4000 + b"\r\na\r\n"], ids=["trailers", "extensions"]
)
async def test_what_is_sent_around_a_chunked_body_is_bounded_too(server: Server, key: str, more: bytes) -> None:
    start = f"POST /webhook HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    start += b"0\r\n" if more.startswith(b"X") else b""
    status, _, _, sent = await endless(server, start, more * 100, 500)
    assert status == 400
    assert sent < 400


# --- connections -------------------------------------------------------------------------------------------------------
@real_sockets
async def test_silent_connections_make_room_for_new_ones(server: Server, key: str) -> None:
    silent = [await server.connect() for _ in range(20)]
    await until(lambda: server.door.guard.open == 20)
    reader, writer = await server.connect()
    writer.write(request(key, "the 21st"))
    assert (await answer(reader))[0] == 200
    assert await asyncio.wait_for(silent[0][0].read(), PATIENCE) == b"", "the one that was silent for longest"


class _Silent:
    phase, since = Phase.BUSY, 0.0

    def check(self, now: float) -> None: ...

    def make_room(self) -> None:
        raise AssertionError("it was busy")


def test_an_address_holds_so_many_connections_and_no_more() -> None:
    guard = Guard(Bounds(per_address=2, connections=10), exempt=["10.0.0.0/8"])
    first = _Silent()
    assert guard.admits(first, "192.0.2.1")
    assert guard.admits(_Silent(), "192.0.2.1")
    assert not guard.admits(_Silent(), "192.0.2.1")
    assert not guard.admits(_Silent(), "192.0.2.1")
    assert guard.admits(_Silent(), "192.0.2.2")
    guard.leave("192.0.2.1", first)
    assert guard.admits(_Silent(), "192.0.2.1")


def test_a_network_of_ipv6_counts_as_one_address_and_proxies_and_this_machine_as_many() -> None:
    guard = Guard(Bounds(per_address=1, connections=10), exempt=["10.0.0.0/8", "a-name"])
    assert guard.admits(_Silent(), "2001:db8::1")
    assert not guard.admits(_Silent(), "2001:db8::2")
    assert guard.admits(_Silent(), "2001:db8:0:1::1")
    assert all(
        guard.admits(_Silent(), address) for address in ("127.0.0.1", "127.0.0.1", "::1", "10.1.2.3", "10.1.2.3")
    )


def test_when_all_are_busy_nobody_else_comes_in() -> None:
    guard = Guard(Bounds(connections=2))
    assert [guard.admits(_Silent(), "127.0.0.1") for _ in range(3)] == [True, True, False]


# --- what is meant -----------------------------------------------------------------------------------------------------
@real_sockets
async def test_raw_utf8_in_a_request_line_is_read_and_rubbish_is_answered_in_json(server: Server, key: str) -> None:
    reader, writer = await server.connect()
    for path in ("/webhook?team=中文", "/webhook?source=webhook&x=é"):
        writer.write(request(key, "中", path=path))
        assert (await answer(reader))[0] == 200
    reader, writer = await server.connect()
    message = request(key, "in pieces", path="/webhook?team=中文")
    writer.write(message[:22])
    await asyncio.sleep(0.05)
    writer.write(message[22:])
    assert (await answer(reader))[0] == 200
    for rubbish in (b"\x16\x03\x01\x02\x00\x01", b"GET \x00 HTTP/1.1\r\n\r\n", b"hello\r\n\r\n"):
        reader, writer = await server.connect()
        writer.write(rubbish)
        status, head, body = await answer(reader)
        assert (status, "application/json" in head, list(body)) == (400, True, ["detail"])


@real_sockets
@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
async def test_a_post_that_wishes_for_another_protocol_is_answered_as_if_it_did_not(
    server: Server, key: str, protocol: str
) -> None:
    reader, writer = await server.connect()
    extra = f"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {protocol}\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"
    for n in range(2):
        writer.write(request(key, f"upgraded {n}", extra=extra))
        assert (await answer(reader))[0] == 200
    assert await stored() == ["upgraded 0", "upgraded 1"]


@real_sockets
async def test_answers_carry_the_headers_that_keep_them_private(server: Server, key: str) -> None:
    reader, writer = await server.connect()
    for message in (request(key, "x"), request("wrong", "x"), b"rubbish\r\n\r\n"):
        writer.write(message)
        _, head, _ = await answer(reader)
        for header in (
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "content-security-policy: default-src 'none'",
        ):
            assert head.count(header) == 1, head


# --- encodings ---------------------------------------------------------------------------------------------------------
BODY = b'{"title": "compressed"}'


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(BODY)),
        ("GZip", gzip.compress(BODY)),
        ("x-gzip", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", raw_deflate(BODY)),
        ("gzip, identity", gzip.compress(BODY)),
        ("deflate, gzip", gzip.compress(zlib.compress(BODY))),
        ("gzip, gzip, gzip", gzip.compress(gzip.compress(gzip.compress(BODY)))),
        ("gzip", gzip.compress(BODY[:5]) + gzip.compress(BODY[5:])),
        ("gzip", gzip.compress(BODY) + b"\0" * 20),
        ("identity", BODY),
        ("", BODY),
        ("gzip", BODY),  # a proxy inflated it and left the header
        ("deflate", BODY),
        ("br", BODY),
        ("aws-chunked", b" " + BODY),
        ("utf-8", BODY),  # a charset, in the wrong header
        ("UTF8", "title=é".encode()),
        ("none, binary", BODY),
        ("utf-8, gzip", gzip.compress(BODY)),
        ("", gzip.compress(BODY)),  # a proxy took the header away
        ("identity", gzip.compress(BODY)),
    ],
)
def test_encodings_that_are_read(encoding: str, body: bytes) -> None:
    assert encodings.inflated(body, encoding, MIB).strip() in (BODY, "title=é".encode())


@pytest.mark.parametrize(
    "encoding", ["br", "zstd", "compress", "aws-chunked", "gzip, br", "gzip;q=1", "gzip, gzip, gzip, gzip"]
)
def test_encodings_that_are_refused_by_name(encoding: str) -> None:
    with pytest.raises(UnsupportedEncoding) as refused:
        encodings.inflated(gzip.compress(BODY), encoding, MIB)
    assert refused.value.field == "Content-Encoding"


@pytest.mark.parametrize("body", [b"\x8b\x0b\x80{}", b'{"title": "\xff"}', b"title=x", b"{\xff"])
def test_what_is_no_plain_json_is_not_taken_for_it(body: bytes) -> None:
    with pytest.raises(UnsupportedEncoding, match="'br'"):
        encodings.inflated(body, "br", MIB)


@pytest.mark.parametrize("body", [gzip.compress(BODY)[:-4], b"\x1f\x8b" + b"a" * 50, gzip.compress(BODY) + b"more"])
def test_damaged_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(UnparsableBody):
        encodings.inflated(body, "gzip", MIB)


def bombs() -> Iterator[tuple[str, bytes]]:
    zeros = gzip.compress(b"\0" * 100 * MIB, 9)
    yield "gzip", zeros
    yield "gzip, gzip", gzip.compress(zeros, 9)
    yield "gzip, gzip, gzip", gzip.compress(gzip.compress(zeros, 9), 9)
    yield "deflate", zlib.compress(b"[" * 50 * MIB, 9)
    yield "gzip", gzip.compress(b"\0" * MIB, 9) * 99  # many behind one another
    yield "gzip", gzip.compress(b" " * 3 * MIB, 9)  # within the limit, but out of all proportion


@pytest.mark.parametrize(("encoding", "body"), list(bombs()))
def test_bombs_cost_no_more_than_what_we_would_read(encoding: str, body: bytes) -> None:
    with cpu_budget(1), pytest.raises(BodyTooLarge):
        encodings.inflated(body, encoding, 4 * MIB)


def test_many_tiny_streams_are_not_unpacked() -> None:
    with cpu_budget(1), pytest.raises(UnparsableBody):
        encodings.inflated(gzip.compress(b"") * 200_000, "gzip", 4 * MIB)


# --- the database hangs --------------------------------------------------------------------------------------------------
@real_sockets
async def test_while_the_database_hangs_every_sender_is_answered_and_nothing_is_stored_twice(
    server: Server, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import connection
    from psycopg import connect

    monkeypatch.setattr(app_module, "PATIENCE", 0.5)
    reader, writer = await server.connect()
    message = request(key, "", body=b'{"title": "hung", "dedup_key": "hung"}')
    with connect(**connection.get_connection_params()) as other:
        other.execute("LOCK TABLE incidents_incident IN ACCESS EXCLUSIVE MODE")
        writer.write(message)
        status, head, _ = await answer(reader)
        assert (status, "retry-after: 5" in head) == (503, True)
        unreadable = await server.connect()
        unreadable[1].write(request(key, "", body=b"{"))
        assert (await answer(unreadable[0]))[0] == 503, "what can't be kept now is not refused for good"
    monkeypatch.setattr(app_module, "PATIENCE", 9.0)
    writer.write(message)
    status, _, body = await answer(reader)
    assert (status, body["ok"]) == (200, True)
    assert set(await stored()) == {"hung"}
    assert body["deduplicated"] or await stored() == ["hung"]


# --- around Django -------------------------------------------------------------------------------------------------------
async def exchange(edge: Edge, path: str, *pieces: bytes, length: int | None = None) -> tuple[int, bytes]:
    waiting = [*pieces]
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        piece = waiting.pop(0) if waiting else b""
        return {"type": "http.request", "body": piece, "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"content-length", str(length).encode())] if length is not None else []
    await edge({"type": "http", "method": "POST", "path": path, "headers": headers}, receive, send)
    return sent[0]["status"], b"".join(message["body"] for message in sent[1:])


async def _reads_all(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"read"})


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/console/login", MIB, 200),
        ("/console/login", 3 * MIB, 413),
        ("/api/v1/incidents", 3 * MIB, 413),
        ("/console/oncall/mine/import", 3 * MIB, 200),
        ("/console/oncall/7/import/", 3 * MIB, 200),
        ("/console/oncall/mine/import", 6 * MIB, 413),
    ],
)
async def test_bodies_for_pages_and_commands_are_counted_while_they_arrive(path: str, size: int, status: int) -> None:
    edge = Edge(_reads_all)
    edge.guard = Guard(Bounds())
    pieces = [b"a" * 65_536] * (size // 65_536)
    assert (await exchange(edge, path, *pieces))[0] == status
    assert (await exchange(edge, path, *pieces, length=size))[0] == status
    assert edge.guard.held == 0


async def test_what_is_too_large_by_its_own_word_is_not_read_at_all() -> None:
    async def nobody(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("it was asked")

    status, body = await exchange(Edge(nobody), "/api/v1/incidents", b"", length=10 * MIB)
    assert status == 413
    assert b'"code": 413' in body


async def test_a_reader_is_answered_while_the_database_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    def away() -> None:
        raise OSError("away")

    edge = Edge(hangs, database=Probe("the database", away), hangs=0.05)
    task = asyncio.ensure_future(exchange_into(sent := [], edge))
    while len(sent) < 3:
        await asyncio.sleep(0.01)
    assert sent[0]["status"] == 503
    assert (b"retry-after", b"5") in sent[0]["headers"]
    task.cancel()


async def exchange_into(sent: list[Any], edge: Edge) -> None:
    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    await edge({"type": "http", "method": "GET", "path": "/incidents", "headers": []}, receive, send)
