"""The figures on open pages: worked out once per change for all sockets that see the same workspaces, never once per socket."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from channels.db import database_sync_to_async
from django.db import Error as DatabaseFailure

from aiops.access.actors import Actor
from aiops.kernel.clock import utcnow
from incidents import counting
from incidents.choices import LIVE, Severity

log = logging.getLogger(__name__)

PAUSE = 0.05  # seconds between two readings, at least
SHARE = 5  # … and this many times as long as a reading takes, so that counting never eats what ingest needs

Counts = dict[str, int]
Teller = Callable[[Counts], Awaitable[None]]


def read_counts(actor: Actor) -> Counts:
    """The figures that pages show, by their ``data-count``. One query."""
    figures = counting.figures(actor, utcnow(), max_age=0)
    counts = {
        "live": figures.live - figures.suppressed,
        "need_someone": figures.need_someone,
        "snoozed": figures.snoozed,
        "suppressed": figures.suppressed,
    }
    counts.update({status.value: figures.by_status.get(status, 0) for status in LIVE})
    counts.update({severity.word: figures.by_severity.get(severity, 0) for severity in Severity})
    return counts


class CountsFeed:
    """Reads the figures of one set of workspaces after each change and tells them to whoever listens."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self._tellers: set[Teller] = set()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nobody listens."""
        return not self._tellers

    def join(self, teller: Teller) -> None:
        """Tell *teller* too, from the next change on."""
        self._tellers.add(teller)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def leave(self, teller: Teller) -> None:
        """Tell *teller* no more; the last one stops the feed."""
        self._tellers.discard(teller)
        if not self._tellers and self._task is not None:
            self._task.cancel()
            self._task = None

    def changed(self) -> None:
        """Something happened: the figures have to be read again."""
        self._changed.set()

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            started = time.monotonic()
            try:
                counts = await database_sync_to_async(read_counts)(self._actor)
            except DatabaseFailure as error:  # pages keep the old figures and read anew with the next change
                log.warning("the figures of open pages could not be read: %s", error)
            else:
                await asyncio.gather(*(tell(counts) for tell in tuple(self._tellers)), return_exceptions=True)
            await asyncio.sleep(max(PAUSE, SHARE * (time.monotonic() - started)))


class Feeds:
    """The feeds of one event loop, by the workspaces they count."""

    def __init__(self) -> None:
        self._feeds: dict[tuple[object, ...], CountsFeed] = {}

    def join(self, actor: Actor, teller: Teller) -> CountsFeed:
        """The feed of what *actor* sees, with *teller* listening."""
        key = (asyncio.get_running_loop(), actor.workspace_ids)
        feed = self._feeds.setdefault(key, CountsFeed(actor))
        feed.join(teller)
        return feed

    def leave(self, feed: CountsFeed, teller: Teller) -> None:
        """Stop listening; a feed that nobody listens to is forgotten."""
        feed.leave(teller)
        if feed.is_idle:
            self._feeds = {key: kept for key, kept in self._feeds.items() if kept is not feed}


FEEDS = Feeds()
