"""Celery's way through Redis, for tasks that are doorbells: what is due is a row, and is found again by the next sweep.

So a task that a worker took is not kept in Redis as well until it has ended. Beside being quicker that is safer: a worker that
loses Redis wants to put such tasks back there, and comes to its end when it can't (kombu 5.7).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from kombu.transport import redis


class Channel(redis.Channel):  # type: ignore[misc]
    do_restore = False


class Transport(redis.Transport):  # type: ignore[misc]
    Channel = Channel


class SocketTransport(Transport):
    """The same through a socket in the file system: ``socket:///path``."""

    can_parse_url = True  # the channel does


def celery_settings(redis_url: str) -> tuple[str, str]:
    """Where the broker is, and the transport that goes there; *redis_url* as redis-py takes it (``redis://…``, ``unix://…``)."""
    parts = urlsplit(redis_url)
    if parts.scheme == "unix":
        return f"socket://{parts.path}", "aiops.broker:SocketTransport"
    return redis_url, "aiops.broker:Transport"
