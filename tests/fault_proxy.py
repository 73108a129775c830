"""A network that fails: an HTTP proxy before a receiver that delays, breaks off, swallows or answers for it, as it is told."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit


class Fault(Enum):
    """What happens to one request."""

    NONE = "it goes through"
    DELAY = "it goes through, late"
    RESET = "the connection breaks before it gets there"
    RESET_AFTER = "it gets there, and the connection breaks before the answer is back"
    BLACK_HOLE = "it never gets there, and no answer ever comes"
    LOST = "it gets there, and no answer ever comes"
    TOO_MANY = "429: the proxy answers instead"
    ERROR = "500: the proxy answers instead"


ANSWERS = {
    Fault.TOO_MANY: b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n",
    Fault.ERROR: b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
}
DELAY = 0.05  # seconds


@dataclass
class FaultProxy:
    """In front of *target* (``http://127.0.0.1:port``). The next requests meet the faults that stand in ``plan``, then none."""

    target: str

    def __post_init__(self) -> None:
        self.plan: deque[Fault] = deque()
        self._upstream = urlsplit(self.target)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        started = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop)
        self._server = started.result(5)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await _message(reader)
                fault = self.plan.popleft() if self.plan else Fault.NONE
                if fault in ANSWERS:
                    writer.write(ANSWERS[fault])
                elif fault in (Fault.RESET, Fault.BLACK_HOLE):
                    return await _end(writer, fault)
                else:
                    await asyncio.sleep(DELAY if fault == Fault.DELAY else 0)
                    answer = await self._forward(request)
                    if fault in (Fault.RESET_AFTER, Fault.LOST):
                        return await _end(writer, fault)
                    writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _forward(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._upstream.hostname, self._upstream.port)
        writer.write(request)
        answer = await _message(reader)
        writer.close()
        return answer


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One request or answer with a Content-Length, or without a body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    return head + (await reader.readexactly(int(length[1])) if length else b"")


async def _end(writer: asyncio.StreamWriter, fault: Fault) -> None:
    """Break the connection, or hold it until the other side has lost its patience."""
    if fault in (Fault.BLACK_HOLE, Fault.LOST):
        await writer.wait_closed()
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
