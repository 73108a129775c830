"""What open pages hear: worked out once for all sockets that see the same workspaces, never once per socket.

A feed listens to its workspaces. After a change it reads the figures and tells its pages, as often as ``pace`` lets it:

- ``counts``: the figures, when they are others than the page shows;
- ``{"v", "incidents": [ids], "kinds": […], "count": n, "at", "wait": ms, "rest": ms}``: all that changed since the last message
  with these. No incident means many. *v* counts them, so that a page notices a gap. *at* names the change: a page may ask for
  what was rendered after it, once *wait* is over, so that not all pages ask in one instant. *rest* is for how long it should
  leave a list alone of which all rows changed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.db import Error as DatabaseFailure

from aiops.access.actors import Actor
from aiops.kernel import live
from aiops.kernel.threads import essential_task
from incidents.ids import incident_id
from incidents.response.console import pace as paces
from incidents.response.console.counts import Counts, read_counts
from incidents.response.console.pace import Pace

log = logging.getLogger(__name__)

RENEW = 3600.0  # seconds; the in-memory layer forgets whoever joined a day ago
GOLDEN = 0.618034  # its multiples, without what is before the point, lie evenly between 0 and 1, however many there are
READ_AGAIN = 1.0  # seconds between two attempts to read the figures while the database is away
LOOK_AGAIN = 0.25  # seconds between two looks whether the storm is over, while rows are kept back

Teller = Callable[[str], Awaitable[None]]


@dataclass(slots=True)
class News:
    """Changes that are still to be told. Without *at*: none."""

    incidents: set[int] = field(default_factory=set)
    many: bool = False  # too many to name
    kinds: set[str] = field(default_factory=set)
    count: int = 0
    at: str = ""

    @property
    def by_someone(self) -> bool:
        """Whether a person is among those who changed something."""
        return "incident" in self.kinds

    def add(self, incidents: Iterable[int], kinds: Iterable[str], count: int, at: str) -> None:
        """Take in a change, as ``kernel.live`` tells it: no *incidents* means many."""
        named = set(incidents)
        self.incidents |= named
        if not named or len(self.incidents) > live.MAX_IDS:
            self.many, self.incidents = True, set()
        self.kinds.update(kinds)
        self.count += count
        self.at = at

    def told(self) -> dict[str, Any]:
        """As a page hears it; an empty list of incidents means many."""
        incidents = [] if self.many else [incident_id(pk) for pk in sorted(self.incidents)]
        return {"incidents": incidents, "kinds": sorted(self.kinds), "count": self.count, "at": self.at}


class Feed:
    """One set of workspaces: the channel groups that it listens to, and the open pages that it tells."""

    def __init__(self, actor: Actor, groups: Sequence[str]) -> None:
        self._actor = actor
        self._groups = groups
        self._channel = ""
        self._renew_at = 0.0  # time.monotonic(), as all times here
        self._pages: dict[Teller, _Page] = {}  # the one that was told last is the last
        self._joined = 0  # pages, ever
        self._starting: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._pace = Pace()
        self._news = News()  # not even owed to the pages yet
        self._rows_told = 0.0
        self._resting = ""  # the last change that pages were told to take their time with
        self._dirty = asyncio.Event()  # the figures may have changed since they were read
        self._counts: Counts = {}
        self._read_at = 0.0  # when they may be read again

    @property
    def is_idle(self) -> bool:
        """Whether nobody listens."""
        return not self._pages

    async def join(self, teller: Teller) -> None:
        """Tell *teller* too: once this returns nothing that happens is missed. Raises what the channel layer raises."""
        self._pages[teller] = _Page(teller, self._counts, place=self._joined * GOLDEN % 1)
        self._joined += 1
        self._pace.pages = len(self._pages)
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start())
        await asyncio.shield(self._starting)

    def leave(self, teller: Teller) -> None:
        """Tell *teller* no more."""
        if page := self._pages.pop(teller, None):
            page.stop()
        self._pace.pages = len(self._pages)

    async def stop(self) -> None:
        """Listen no more. Raises what the channel layer raises."""
        for task in filter(None, [self._starting, *self._tasks]):
            task.cancel()
        for group in self._groups:
            await get_channel_layer().group_discard(group, self._channel)

    async def _start(self) -> None:
        self._channel = await get_channel_layer().new_channel()
        await self._listen()
        self._tasks = [essential_task("feed", self._hear()), essential_task("feed", self._run())]

    async def _listen(self) -> None:
        self._renew_at = time.monotonic() + RENEW
        for group in self._groups:
            await get_channel_layer().group_add(group, self._channel)

    async def _hear(self) -> None:
        while True:
            message = await get_channel_layer().receive(self._channel)
            self._pace.note(message["count"], time.monotonic())
            self._news.add(message["incidents"], message["kinds"], message["count"], message["at"])
            self._dirty.set()
            if time.monotonic() > self._renew_at:
                await self._listen()

    async def _run(self) -> None:
        while True:
            await self._until_due()
            if self._dirty.is_set() and time.monotonic() >= self._read_at:
                await self._read()
            if self._rows_are_due(time.monotonic()):
                self._owe_rows()
            await asyncio.sleep(self._tell())

    async def _until_due(self) -> None:
        """Until something changes, or what was kept back may be told."""
        while not (self._dirty.is_set() or self._rows_are_due(time.monotonic()) or self._behind()):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._dirty.wait(), LOOK_AGAIN if self._news.at or self._resting else None)

    async def _read(self) -> None:
        self._dirty.clear()
        began = time.monotonic()
        oldest = self._pace.oldest(began)
        try:
            self._counts = await database_sync_to_async(read_counts)(self._actor, oldest)
        except DatabaseFailure as error:  # pages keep the old figures for so long
            log.warning("the figures of open pages could not be read: %s", error)
            self._dirty.set()
            self._read_at = time.monotonic() + READ_AGAIN
            return
        now = time.monotonic()
        self._read_at = now + self._pace.figures(now - began, now)
        if oldest:  # they may have been counted before the last change
            self._dirty.set()

    def _rows_are_due(self, now: float) -> bool:
        if not self._news.at:
            return bool(self._resting) and not self._pace.is_storm(now)  # nobody needs to take time any more
        begins = self._pace.is_storm(now) and not self._resting  # pages that hear of it late would all ask once more
        pause = self._pace.rows(now, by_someone=self._news.by_someone)
        return begins or now >= self._rows_told + pause

    def _owe_rows(self) -> None:
        now = time.monotonic()
        news = self._news if self._news.at else News(many=True, kinds={"ingest"}, at=self._resting)
        for page in self._pages.values():
            page.owe(news)
        self._news, self._rows_told = News(), now
        self._resting = news.at if self._pace.is_storm(now) else ""

    def _behind(self) -> list[_Page]:
        """Pages that do not show the last figures or have not heard of all rows, longest first."""
        return [page for page in self._pages.values() if page.is_behind(self._counts)]

    def _tell(self) -> float:
        """Tell all at once, or in a storm those whose turn it is; returns the pause until the next turn."""
        now = time.monotonic()
        pages = self._behind()[: self._pace.turn(now)]
        for page in pages:
            self._pages[page.teller] = self._pages.pop(page.teller)
            by_someone = page.owed.by_someone
            spread, rest = (of(now, by_someone=by_someone) for of in (self._pace.spread, self._pace.rest))
            page.tell(self._counts, spread, rest)
        return paces.after(len(pages))


class _Page:
    """An open page: the figures that it shows, and the news that it has not heard."""

    def __init__(self, teller: Teller, shows: Counts, place: float) -> None:
        self.teller = teller
        self._place = place  # among all pages, between 0 and 1
        self._shows = shows
        self.owed = News()
        self._v = 0
        self._telling: asyncio.Task[None] | None = None

    def owe(self, news: News) -> None:
        """It is to hear of *news*, too."""
        self.owed.add(() if news.many else news.incidents, news.kinds, news.count, news.at)

    def is_behind(self, counts: Counts) -> bool:
        """Whether there is something to tell, *counts* being the last figures."""
        return bool(self.owed.at) or self._shows != counts

    def tell(self, counts: Counts, spread: float, rest: float) -> None:
        """Send what is new, unless the last message is still on its way: so nobody waits for a slow line. *spread* and *rest* are
        what ``pace`` says, in seconds."""
        if self._telling is not None and not self._telling.done():
            return
        message: dict[str, Any] = {"counts": counts} if self._shows != counts else {}
        if self.owed.at:
            self._v += 1
            wait = round(self._place * spread * 1000)
            message |= {"v": self._v, **self.owed.told(), "wait": wait, "rest": round(rest * 1000)}
        self._shows, self.owed = counts, News()
        self._telling = asyncio.ensure_future(_send(self.teller, json.dumps(message)))

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
