"""The optional rate limit of a source, off unless an administrator sets it. It is counted in this process, without a
cache.

Above the limit the answer is 503 with ``Retry-After``, which every sender repeats (429 is final to Alertmanager).
"""

from __future__ import annotations

from datetime import datetime

from aiops.kernel.errors import Overloaded
from incidents.catalogue.services.directory import KnownSource

_counts: dict[int, tuple[int, int]] = {}  # source → (minute, requests in it)


def allow(source: KnownSource, now: datetime) -> None:
    """Count one request of *source*; raises :class:`Overloaded` when this minute's are used up."""
    if source.limit_per_minute is None:
        return
    minute, second = divmod(int(now.timestamp()), 60)
    counted, n = _counts.get(source.pk, (minute, 0))
    n = n + 1 if counted == minute else 1
    _counts[source.pk] = (minute, n)
    if n > source.limit_per_minute:
        raise Overloaded(
            f"This source's limit of {source.limit_per_minute} requests a minute is reached.",
            data={"retry_after": 60 - second},
        )
