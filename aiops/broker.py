"""The Redis transport of Celery for doorbell tasks: a worker acknowledges a task when it takes it, and never puts it
back.

The due rows are in the database and the next sweep finds them, so a task need not be kept until it has ended. Putting a
task back also ends a worker whose Redis is gone (kombu 5.7).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from kombu.transport import redis


class Channel(redis.Channel):
    do_restore = False


class Transport(redis.Transport):
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
