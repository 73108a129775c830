"""What open pages hear: worked out once for all sockets that see the same workspaces, never once per socket.

A feed listens to its workspaces. After a change it reads the figures and tells its pages, as often as ``pace`` lets it:

- ``{"counts": {…}}``: new figures;
- ``{"v", "incidents": [ids], "kinds": […], "count": n, "at", "rest": ms}``: all that changed since the last message of this kind,
  together with the figures unless a storm passes. No incident means many. *v* counts these messages, so that a page notices a
  gap. *at* names the change: a page may ask for what was rendered after it. *rest* is for how long it should leave a list alone
  of which all rows changed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.db import Error as DatabaseFailure

from aiops.access.actors import Actor
from aiops.kernel import live
from aiops.kernel.ids import incident_id
from incidents.console import pace
from incidents.console.counts import Counts, read_counts
from incidents.console.pace import Pace

log = logging.getLogger(__name__)

RENEW = 3600.0  # seconds; the in-memory layer forgets whoever joined a day ago
READ_AGAIN = 1.0  # seconds between two attempts to read the figures while the database is away
LOOK_AGAIN = 0.25  # seconds between two looks whether the storm is over, while rows are kept back

Teller = Callable[[str], Awaitable[None]]


@dataclass(slots=True)
class News:
    """What changed since pages were last told to ask for rows. Without *at*: nothing."""

    incidents: set[int] = field(default_factory=set)
    many: bool = False  # too many to name
    kinds: set[str] = field(default_factory=set)
    count: int = 0
    at: str = ""

    def add(self, message: dict[str, Any]) -> None:
        """Take in a change, as ``kernel.live`` tells it."""
        self.incidents.update(message["incidents"])
        if not message["incidents"] or len(self.incidents) > live.MAX_IDS:
            self.many, self.incidents = True, set()
        self.kinds.update(message["kinds"])
        self.count += message["count"]
        self.at = message["at"]

    def told(self) -> dict[str, Any]:
        """As a page hears it; an empty list of incidents means many."""
        incidents = [] if self.many else [incident_id(pk) for pk in sorted(self.incidents)]
        return {"incidents": incidents, "kinds": sorted(self.kinds), "count": self.count, "at": self.at}


class Feed:
    """One set of workspaces: the channel groups that it listens to, and the open pages that it tells."""

    def __init__(self, actor: Actor, groups: Sequence[str]) -> None:
        self.v = 0  # the number of the last message that all pages were sent
        self._actor = actor
        self._groups = groups
        self._channel = ""
        self._renew_at = 0.0  # time.monotonic(), as all times here
        self._pages: dict[Teller, _Page] = {}  # the one that was told last is the last
        self._starting: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._pace = Pace()
        self._news = News()
        self._rows_told = 0.0
        self._dirty = asyncio.Event()  # the figures may have changed since they were read
        self._counts: Counts = {}
        self._read_at = 0.0  # when they may be read again

    @property
    def is_idle(self) -> bool:
        """Whether nobody listens."""
        return not self._pages

    async def join(self, teller: Teller) -> None:
        """Tell *teller* too: once this returns nothing that happens is missed. Raises what the channel layer raises."""
        self._pages[teller] = _Page(teller, self._counts)
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start())
        await asyncio.shield(self._starting)

    def leave(self, teller: Teller) -> None:
        """Tell *teller* no more."""
        if page := self._pages.pop(teller, None):
            page.stop()

    async def stop(self) -> None:
        """Listen no more. Raises what the channel layer raises."""
        for task in filter(None, [self._starting, *self._tasks]):
            task.cancel()
        for group in self._groups:
            await get_channel_layer().group_discard(group, self._channel)

    async def _start(self) -> None:
        self._channel = await get_channel_layer().new_channel()
        await self._listen()
        self._tasks = [asyncio.ensure_future(self._hear()), asyncio.ensure_future(self._run())]

    async def _listen(self) -> None:
        self._renew_at = time.monotonic() + RENEW
        for group in self._groups:
            await get_channel_layer().group_add(group, self._channel)

    async def _hear(self) -> None:
        while True:
            message = await get_channel_layer().receive(self._channel)
            self._pace.note(message["count"], time.monotonic())
            self._news.add(message)
            self._dirty.set()
            if time.monotonic() > self._renew_at:
                await self._listen()

    async def _run(self) -> None:
        while True:
            await self._until_due()
            if self._dirty.is_set() and time.monotonic() >= self._read_at:
                await self._read()
            if self._rows_are_due(time.monotonic()):
                self._tell_all()
                await asyncio.sleep(pace.after_all(len(self._pages)))
            else:
                self._tell_next()
                await asyncio.sleep(pace.TURN)

    async def _until_due(self) -> None:
        """Until something changes, or what was kept back may be told."""
        while not (self._dirty.is_set() or self._rows_are_due(time.monotonic()) or self._behind()):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._dirty.wait(), LOOK_AGAIN if self._news.at else None)

    async def _read(self) -> None:
        self._dirty.clear()
        began = time.monotonic()
        try:
            self._counts = await database_sync_to_async(read_counts)(self._actor)
        except DatabaseFailure as error:  # pages keep the old figures for so long
            log.warning("the figures of open pages could not be read: %s", error)
            self._dirty.set()
            self._read_at = time.monotonic() + READ_AGAIN
            return
        now = time.monotonic()
        self._read_at = now + self._pace.figures(now - began, now)

    def _rows_are_due(self, now: float) -> bool:
        return bool(self._news.at) and now >= self._rows_told + self._rows_pause(now)

    def _rows_pause(self, now: float) -> float:
        return self._pace.rows(now, by_someone=self._news.kinds != {"ingest"})

    def _behind(self) -> list[_Page]:
        """Pages that show other figures than the last ones, longest first."""
        return [page for page in self._pages.values() if page.shows != self._counts]

    def _tell_all(self) -> None:
        """Rows changed."""
        self.v += 1
        now = time.monotonic()
        rest = self._pace.rest(now)
        message = {"v": self.v, **self._news.told(), "rest": round(rest * 1000)}
        if not rest:
            message["counts"] = self._counts
        text = json.dumps(message)
        self._news, self._rows_told = News(), now
        for page in self._pages.values():
            page.tell(text, page.shows if rest else self._counts)

    def _tell_next(self) -> None:
        """Figures, to those whose turn it is."""
        text = json.dumps({"counts": self._counts})
        for page in self._behind()[: self._pace.turn(len(self._pages), time.monotonic())]:
            self._pages[page.teller] = self._pages.pop(page.teller)
            page.tell(text, self._counts)


class _Page:
    """An open page, and the figures that it was told last."""

    def __init__(self, teller: Teller, shows: Counts) -> None:
        self.teller = teller
        self.shows = shows
        self._telling: asyncio.Task[None] | None = None

    def tell(self, text: str, counts: Counts) -> None:
        """Send *text*, unless the last one is still on its way: so nobody waits for a slow line, which notices the gap."""
        if self._telling is None or self._telling.done():
            self.shows = counts
            self._telling = asyncio.ensure_future(_send(self.teller, text))

    def stop(self) -> None:
        """Send no more."""
        if self._telling is not None:
            self._telling.cancel()


async def _send(teller: Teller, text: str) -> None:
    try:
        await teller(text)
    except Exception as error:  # noqa: BLE001 - whatever a socket raises that is just closing
        log.debug("an open page could not be told: %s", error)


class Feeds:
    """The feeds of a process, by event loop and by the workspaces that they listen to."""

    def __init__(self) -> None:
        self._feeds: dict[tuple[object, ...], Feed] = {}

    async def join(self, actor: Actor, groups: Sequence[str], teller: Teller) -> Feed:
        """The feed of what *actor* sees, with *teller* listening. Raises what the channel layer raises."""
        key = (asyncio.get_running_loop(), actor.workspace_ids, *groups)
        feed = self._feeds.setdefault(key, Feed(actor, groups))
        try:
            await feed.join(teller)
        except BaseException:
            await self.leave(feed, teller)
            raise
        return feed

    async def leave(self, feed: Feed, teller: Teller) -> None:
        """Stop listening; a feed that nobody listens to is stopped and forgotten."""
        feed.leave(teller)
        if feed.is_idle:
            self._feeds = {key: kept for key, kept in self._feeds.items() if kept is not feed}
            await feed.stop()


FEEDS = Feeds()
