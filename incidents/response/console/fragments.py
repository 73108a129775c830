"""The fragment cache: twenty pages that ask for the same fragment at the same moment share one rendering."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable

KEPT = 100  # fragments of about 60 kB


class Fragments:
    """A small, bounded memory of rendered fragments. A key names everything that the markup depends on, and its version."""

    def __init__(self, kept: int = KEPT) -> None:
        self._tasks: OrderedDict[Hashable, asyncio.Task[str]] = OrderedDict()
        self._kept = kept

    async def get(self, key: Hashable, make: Callable[[], Awaitable[str]]) -> str:
        """What was made for *key*, made now if need be; whoever asks meanwhile waits for it instead of making it too."""
        own = (asyncio.get_running_loop(), key)
        task = self._tasks.get(own)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._tasks[own] = asyncio.ensure_future(make())
            if len(self._tasks) > self._kept:
                self._tasks.popitem(last=False)
        return await asyncio.shield(task)


FRAGMENTS = Fragments()
