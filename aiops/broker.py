"""Celery's way through Redis, for tasks that are doorbells: what is due is a row, and is found again by the next sweep.

So a task that a worker took is not kept in Redis as well until it has ended. Beside being quicker that is safer: a worker that
loses Redis wants to put such tasks back there, and comes to its end when it can't (kombu 5.7).
"""

from __future__ import annotations

from kombu.transport import redis


class Channel(redis.Channel):  # type: ignore[misc]
    do_restore = False


class Transport(redis.Transport):  # type: ignore[misc]
    Channel = Channel
