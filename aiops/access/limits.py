"""Rate limits of API keys by role: 100, 500 or 1000 requests in each minute of the clock.

People and ingest requests are not limited, so that an alert storm is never turned away. The actor of dev mode is
counted and never refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiops.access.actors import Role
from aiops.access.counters import Counters
from aiops.kernel.errors import RateLimited

PER_MINUTE = {Role.VIEWER: 100, Role.OPERATOR: 500, Role.ADMIN: 1000}

_counters = Counters("rate", 60)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key may still do in this minute. *reset_epoch* is its end in seconds since 1970.

    *retry_after* is in whole seconds, and 0 while the request is within the limit.
    """

    limit: int
    remaining: int
    reset_epoch: int
    retry_after: int = 0

    @property
    def exceeded(self) -> bool:
        """Whether this request is one too many."""
        return self.retry_after > 0

    def headers(self) -> dict[str, str]:
        """The response headers that tell the caller."""
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.reset_epoch),
        }
        return headers | ({"Retry-After": str(self.retry_after)} if self.exceeded else {})

    def refusal(self) -> RateLimited:
        """The error to raise when it is exceeded."""
        return RateLimited(
            f"Rate limit exceeded: {self.limit} requests a minute for this key.",
            details=f"Try again in {self.retry_after} s.",
            data={"retry_after": self.retry_after},
        )


def check(key_id: str, role: Role, now: datetime) -> Allowance:
    """Count a request of the key and say what is left; the caller refuses when it is exceeded. Raises nothing.

    *key_id* is the actor's id, never the key. While the cache is away everything is allowed.
    """
    limit = PER_MINUTE[role]
    window = _counters.window(now)
    count = _counters.add(key_id, now) or 0
    return Allowance(
        limit=limit,
        remaining=max(0, limit - count),
        reset_epoch=window.ends_at,
        retry_after=window.left(now) if count > limit else 0,
    )
