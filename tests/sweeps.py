"""The product's sender pool in the thread of a test: due messages are sent before the call returns, in its transaction."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import datetime
from typing import Any

from notifications.channels import CHANNELS
from notifications.delivery.services.sender_pool import BATCH, SenderPool
from notifications.delivery.services.sending import Channels


class AtOnce(Executor):
    """An executor without threads: work is done before ``submit`` returns."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*args, **named))
        return done


def send_due(now: datetime, *, limit: int = BATCH, channels: Channels = CHANNELS) -> int:
    """Send what is due at *now*, at most *limit* deliveries; the clock stands still. Returns how many were taken in hand."""
    return SenderPool(channels, lambda: now, threads_for=lambda _: AtOnce()).begin(now, limit)
