"""When something was last done, for whoever measures it: a note in the cache. A cache that is away is no reason to fail."""

from __future__ import annotations

import logging
from datetime import datetime

import redis
from django.core.cache import cache

log = logging.getLogger(__name__)


def leave(name: str, at: datetime) -> None:
    """Note that *name* was done *at* (epoch seconds in the cache)."""
    try:
        cache.set(name, at.timestamp(), timeout=None)
    except (redis.RedisError, OSError) as error:
        log.debug("the mark %s is not left: %s", name, error)
