"""uvicorn's WebSocket protocol with limits: unread bytes, pieces of a message, time to close."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import Response

from aiops.kernel.headers import private
from incidents.front.bounded import FRONT_DOOR
from incidents.front.guard import Guard, Phase

SWITCHING = 101


class BoundedSocket(WebSocketsSansIOProtocol):
    """A WebSocket, which goes on being counted and watched as the connection that it was."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.guard: Guard = self.app_state[FRONT_DOOR].guard
        self.phase, self.since = Phase.BUSY, self.loop.time()
        self._pings = 0  # since the last look
        self._ending_since: float | None = None
        self._unread_since: float | None = None
        self._send_response = self.conn.send_response
        self.conn.send_response = self._answer_handshake  # type: ignore[method-assign]

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.guard.hand_over(self, to=self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.guard.leave(self.client[0] if self.client else "", self)
        super().connection_lost(exc)

    def _answer_handshake(self, response: Response) -> None:
        """A refusal carries the headers of every answer."""
        if response.status_code != SWITCHING:
            for name, value in private().items():
                response.headers[name] = value
        self._send_response(response)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.get_write_buffer_size() > self.guard.bounds.socket_unread:
            self.transport.abort()  # it asks and asks, and reads no answer

    def handle_ping(self) -> None:
        self._pings += 1
        if self._pings > self.guard.bounds.socket_parts:
            self.transport.abort()
        else:
            super().handle_ping()

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) < self.guard.bounds.socket_parts:
            super().handle_cont(event)
        elif not self.transport.is_closing():
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "too many frames")
            self.handle_parser_exception()

    def pause_writing(self) -> None:
        self._unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._unread_since = None
        super().resume_writing()

    def check(self, now: float) -> None:
        """End what takes too long by *now*: to read, or to agree that it is over."""
        self._pings = 0
        if self.close_sent or self.transport.is_closing():
            self.phase = Phase.DRAINING
            self._ending_since = self._ending_since or now
        unread = self._unread_since is not None and now - self._unread_since > self.guard.bounds.unread_seconds
        ending = self._ending_since is not None and now - self._ending_since > self.guard.bounds.drain_seconds
        if unread or ending:
            self.transport.abort()

    def make_room(self) -> None:
        """Nobody is put out of an open page for another connection."""
