"""Snapshots: rows read from the database now and then, and served from memory (keys, sources and services at the front
door).

A snapshot answers without a query, also while the database is away. It is never older than *max_age* while the database
answers.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import Error as DatabaseFailure

log = logging.getLogger(__name__)
T = TypeVar("T")


class Snapshot(Generic[T]):
    """*load* reads everything at once; *empty* is served before the first successful read."""

    def __init__(
        self, name: str, load: Callable[[], T], empty: T, max_age: float = 2.0, miss_pause: float = 0.2
    ) -> None:
        self._name, self._load, self._max_age, self._miss_pause = name, load, max_age, miss_pause
        self._empty = self._value = empty
        self._read_at = 0.0  # time.monotonic() of the last successful read
        self._tried_at = 0.0
        self._lock = threading.Lock()
        self._miss_lock = threading.Lock()

    @property
    def value(self) -> T:
        """What was last read; fit for the hot path. Whoever serves requests calls :meth:`refresh` in time."""
        return self._value

    @property
    def age(self) -> float:
        """Seconds since the last successful read."""
        return time.monotonic() - self._read_at

    def refresh_if_old(self) -> T:
        """The value, read again when it is older than *max_age*. Blocks for one query; call it off the event loop."""
        if self.age > self._max_age:
            self.refresh()
        return self._value

    def refresh_after_miss(self) -> T:
        """The value, read after this call began, because something expected was not in it. Callers that come together share one
        read, and reads keep *miss_pause* seconds apart, so that a flood of nonsense costs little. Blocks; off the event loop.
        """
        asked_at = time.monotonic()
        with self._miss_lock:
            if self._read_at < asked_at:
                time.sleep(max(0.0, self._tried_at + self._miss_pause - time.monotonic()))
                self.refresh()
        return self._value

    def refresh(self) -> T:
        """Read now. While the database is away the old value stays, with a warning in the log."""
        with self._lock:
            self._tried_at = time.monotonic()
            try:
                began_at = time.monotonic()
                self._value = self._load()
                self._read_at = began_at
            except DatabaseFailure as error:
                log.warning("%s: serving what was read %.0f s ago: %s", self._name, self.age, error)
        return self._value

    def forget(self) -> None:
        """Know nothing again (tests: another database content)."""
        self._value, self._read_at, self._tried_at = self._empty, 0.0, 0.0
