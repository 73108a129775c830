"""Counters per key in fixed windows of time, kept in the cache. They are exact across processes when the cache is
Redis.

While the cache is away nothing is counted and no request waits; the log says so once a minute.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

PAUSE = 5.0  # seconds without asking a cache that failed: its time-outs would otherwise hold up every request
QUIET = 60.0  # seconds between two lines in the log


@dataclass(frozen=True, slots=True)
class Window:
    """The window of *seconds* that an instant falls into; ``ends_at`` in seconds since 1970."""

    number: int
    ends_at: int

    @classmethod
    def of(cls, now: datetime, seconds: int) -> Window:
        number = int(now.timestamp()) // seconds
        return cls(number, (number + 1) * seconds)

    def left(self, now: datetime) -> int:
        """Whole seconds until it ends, at least 1."""
        return max(1, self.ends_at - int(now.timestamp()))


class Counters:
    """The counts of one kind, told apart from others by *prefix*."""

    def __init__(self, prefix: str, seconds: int) -> None:
        self._prefix, self._seconds = prefix, seconds
        self._lock = threading.Lock()
        self._closed_until = 0.0
        self._quiet_until = 0.0

    def window(self, now: datetime) -> Window:
        """The window of *now*."""
        return Window.of(now, self._seconds)

    def add(self, key: str, now: datetime) -> int | None:
        """Count one more for *key* and return the count in this window; None when the cache is away."""
        name = self._name(key, now)
        if time.monotonic() < self._closed_until:
            return None
        try:
            try:
                return cache.incr(name)
            except ValueError:  # the first of this window, here or in another process
                return 1 if cache.add(name, 1, timeout=self._seconds * 2) else cache.incr(name)
        except (RedisError, OSError, ValueError) as error:
            self._failed(error)
            return None

    def take_back(self, key: str, now: datetime) -> None:
        """Count one less for *key*."""
        try:
            cache.decr(self._name(key, now))
        except ValueError:
            pass  # nothing was counted
        except (RedisError, OSError) as error:
            self._failed(error)

    def forget(self, key: str, now: datetime) -> None:
        """Start *key* from nothing."""
        try:
            cache.delete(self._name(key, now))
        except (RedisError, OSError) as error:
            self._failed(error)

    def _name(self, key: str, now: datetime) -> str:
        return f"{self._prefix}:{key}:{self.window(now).number}"

    def _failed(self, error: Exception) -> None:
        at = time.monotonic()
        with self._lock:
            self._closed_until = at + PAUSE
            tell = at >= self._quiet_until
            if tell:
                self._quiet_until = at + QUIET
        if tell:
            log.warning("%s limits are not applied while the cache is away: %s", self._prefix, error)
