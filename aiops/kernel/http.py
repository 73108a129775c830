"""Outbound HTTP with a guard: an address that others chose reaches neither our own network nor our time.

The guard resolves a name, judges every address, and connects to the address that was judged. A name that changes its
meaning in between gains nothing. ``AIOPS_OUTBOUND_ALLOW`` names the hosts and networks that may be called although they
are private. Redirects are followed only on request, a few of them, each judged anew. An answer must be whole within
twice the time-out and is never unpacked, since a small body may inflate to a large one.
"""

from __future__ import annotations

import contextlib
import functools
import ssl
import time
from collections.abc import Iterator
from typing import Any

import httpcore
import httpx
from django.conf import settings

from aiops.kernel.addresses import addresses
from aiops.kernel.errors import DomainError

TIMEOUT = 10.0  # seconds for each of connect, write and read
LARGEST = 2 * 1024 * 1024  # bytes of an answer that are read
HEADERS = 128 * 1024  # bytes that may come before them
USER_AGENT = "aiops"


class TooLarge(DomainError):
    """The answer is larger than anybody would read."""

    code = "too_large"


def resolve(host: str, port: int) -> str:
    """The address to connect to for *host*, judged. Raises :class:`BlockedAddress`, or ``OSError`` when the name is unknown."""
    return _judged(host, port)[0]


def _judged(host: str, port: int) -> list[str]:
    return addresses(host, port, tuple(settings.AIOPS_OUTBOUND_ALLOW))


class Downgraded(DomainError):
    """An encrypted address leads to one that is not."""

    code = "downgraded"


def client(timeout: float = TIMEOUT, largest: int = LARGEST) -> httpx.Client:
    """A client whose every connection is guarded; keeps connections alive, may be shared by threads. Close it when done."""
    return httpx.Client(
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        transport=_Guarded(2 * timeout, largest),
    )


def fetch(url: str, *, timeout: float = TIMEOUT, largest: int = LARGEST, redirects: int = 0) -> bytes:
    """The body at *url*, at most *largest* bytes, as it came (never unpacked); where it leads elsewhere, after *redirects* hops.

    Raises ``httpx.HTTPError``, :class:`BlockedAddress`, :class:`TooLarge`, :class:`Downgraded`.
    """
    until = time.monotonic() + 2 * timeout
    with client(timeout, largest) as http:
        request = http.build_request("GET", url)
        for _ in range(redirects + 1):
            response = http.send(request, stream=True)
            try:
                following = response.next_request
                if following is None or not redirects:
                    response.raise_for_status()
                    return _body(response, largest)
            finally:
                response.close()
            if request.url.scheme == "https" and following.url.scheme != "https":
                raise Downgraded("The address leads from https to an address without encryption.")
            if time.monotonic() >= until:
                raise httpx.ReadTimeout("The redirects take too long.", request=request)
            request = following
    raise httpx.TooManyRedirects(f"More than {redirects} redirects.", request=request)


def _body(response: httpx.Response, largest: int) -> bytes:
    parts, size = [], 0
    for part in response.iter_bytes():
        size += len(part)
        if size > largest:
            raise TooLarge(f"The answer is larger than {largest} bytes.")
        parts.append(part)
    return b"".join(parts)


class _Backend(httpcore.SyncBackend):
    """Connects to judged addresses only, the next one when one does not answer. TLS still speaks to the name."""

    def __init__(self, longest: float, largest: int) -> None:
        super().__init__()
        self._longest, self._largest = longest, largest

    def connect_tcp(self, host: str, port: int, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        try:
            found = _judged(host, port)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        for address in found[:-1]:
            try:
                return _Bounded(super().connect_tcp(address, port, *args, **kwargs), self._longest, self._largest)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return _Bounded(super().connect_tcp(found[-1], port, *args, **kwargs), self._longest, self._largest)


class _Bounded(httpcore.NetworkStream):
    """A connection whose answers end: *longest* seconds after the last byte of the request, and before they fill our memory."""

    def __init__(self, inner: httpcore.NetworkStream, longest: float, largest: int) -> None:
        self._inner, self._longest, self._largest = inner, longest, largest
        self._begin_answer()

    def _begin_answer(self) -> None:
        self._until, self._left = time.monotonic() + self._longest, self._largest + HEADERS

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            raise httpcore.ReadTimeout("The answer does not end.")
        part = self._inner.read(max_bytes, seconds if timeout is None else min(timeout, seconds))
        self._left -= len(part)
        if self._left < 0:
            raise httpcore.ReadError("The answer is larger than anybody would read.")
        return part

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, timeout)
        self._begin_answer()

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        return _Bounded(self._inner.start_tls(*args, **kwargs), self._longest, self._largest)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Guarded(httpx.BaseTransport):
    """httpcore's pool, which connects through the guard. *longest*: seconds that an answer may take; *largest*: bytes of it."""

    def __init__(self, longest: float, largest: int) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=_tls(),
            max_connections=50,
            max_keepalive_connections=20,
            keepalive_expiry=30.0,
            network_backend=_Backend(longest, largest),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        asked = httpcore.Request(
            request.method, url, headers=request.headers.raw, content=request.stream, extensions=request.extensions
        )
        with _as_httpx():
            answer = self._pool.handle_request(asked)
        headers = [(name, value) for name, value in answer.headers if name.lower() != b"content-encoding"]
        return httpx.Response(answer.status, headers=headers, stream=_Parts(answer), extensions=answer.extensions)

    def close(self) -> None:
        self._pool.close()


class _Parts(httpx.SyncByteStream):
    """The body of an answer, as it comes."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


@contextlib.contextmanager
def _as_httpx() -> Iterator[None]:
    """Raise httpcore's errors as httpx's of the same name."""
    try:
        yield
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
    ) as error:
        raise getattr(httpx, type(error).__name__)(str(error)) from error


@functools.cache
def _tls() -> ssl.SSLContext:
    """The default context, made once: loading the certificates takes 20 ms."""
    return httpx.create_ssl_context(trust_env=True)
