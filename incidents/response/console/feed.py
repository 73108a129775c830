"""What open pages hear: worked out once for all pages that see the same workspaces, never once per page.

A feed listens to its workspaces. After a change it reads the figures, publishes them, and notes which pages are owed an answer.
A page keeps one question open ("how does this fragment look now?"). It is answered when the page is owed something and its turn
has come. So no change is missed, no page has two requests under way, and a slow page asks less.

The only throttle between a change and a screen is :func:`pause`. Pauses grow by the square root of how much happens and how many
pages watch: so the work grows more slowly than both, and nobody waits for long.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.db import Error as DatabaseFailure

from aiops.access.actors import Actor
from aiops.kernel.clock import utcnow
from aiops.kernel.threads import essential_task
from incidents.choices import LIVE, Severity
from incidents.core import counting
from incidents.ids import incident_id

log = logging.getLogger(__name__)

FIGURES = (
    0.0125  # seconds between two readings of the figures: so many times the root of (open pages × changes a second) …
)
LISTS = 0.1  # … and between two answers to the same page
BY_PERSON = (
    0.4  # seconds that neither lasts longer after what a person did: colleagues see each other work within a second
)
READING = 4  # figures rest so many times as long as it took to read them, so that counting never eats what ingest needs
STEP = 0.05  # seconds between two looks at what is owed
KEPT = 100  # fragments of about 60 kB, when pages look at so many different lists
RESYNC = 60.0  # seconds after which every page is owed an answer anyway, whatever was heard

Counts = dict[str, int]


def pause(each: float, pages: int, rate: float) -> float:
    """Seconds from one update to the next: *each* for one page and one change a second; *rate* is changes a second."""
    return each * math.sqrt(pages * rate)


def read_counts(actor: Actor) -> Counts:
    """The figures that pages show, by their ``data-count``. One query."""
    figures = counting.figures(actor, utcnow(), max_age=0)
    return {
        "live": figures.live,
        "need_someone": figures.need_someone,
        "snoozed": figures.snoozed,
        **{status.value: figures.by_status.get(status, 0) for status in LIVE},
        **{severity.word: figures.by_severity.get(severity, 0) for severity in Severity},
    }


@dataclass(slots=True, eq=False)
class OpenPage:
    """An open page: what it shows and is owed, and how to reach it. *answer* sends figures too."""

    publish: Callable[[Counts], Coroutine[Any, Any, None]]
    answer: Callable[[Counts], Coroutine[Any, Any, None]]
    about: str = ""  # the id of the only incident that it shows; empty: every change concerns it
    asks: bool = False
    is_owed: bool = True  # also at first: something may have changed since it was rendered
    by_person: bool = False  # what it is owed is also the act of a person
    counts: Counts = field(default_factory=dict)  # the figures that it shows
    answered_at: float = 0.0
    sending: asyncio.Task[None] | None = None

    @property
    def is_free(self) -> bool:
        """Whether nothing is on its way to it: so nobody waits for a slow line."""
        return self.sending is None or self.sending.done()

    def send(self, message: Coroutine[Any, Any, None]) -> None:
        """Have *message* sent; whatever a socket raises that is just closing is passed over."""

        async def sent() -> None:
            with suppress(Exception):
                await message

        self.sending = asyncio.ensure_future(sent())


@dataclass(slots=True)
class _News:
    """Changes that no page was told of yet."""

    incidents: set[str] = field(default_factory=set)
    many: bool = False  # too many to name
    by_person: bool = False

    def concerns(self, page: OpenPage) -> bool:
        return self.many or not page.about or page.about in self.incidents


class Feed:
    """One set of workspaces, and the open pages that see them. Times are time.monotonic()."""

    def __init__(self, actor: Actor, groups: Sequence[str]) -> None:
        self._actor = actor
        self._groups = groups
        self._channel = ""
        self._pages: set[OpenPage] = set()
        self._starting: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._woken = asyncio.Event()
        self._news: _News | None = None
        self._heard: dict[tuple[int, str], int] = {}  # the number of the last message, by workspace and origin
        self._recent: deque[tuple[float, int]] = deque()  # when changes were heard of, and how many
        self._counts: Counts = {}
        self._rendered: dict[object, asyncio.Task[str]] = {}  # since the figures were read last
        self._took = self._read_at = self._answered_at = 0.0  # reading the figures; when it ended; the last answer
        self._resync_at = time.monotonic() + RESYNC

    async def join(self, page: OpenPage) -> None:
        """Serve *page* too: once this returns nothing that happens is missed. Raises what the channel layer raises."""
        self._pages.add(page)
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._start())
        try:
            await asyncio.shield(self._starting)
        except BaseException:
            await self.leave(page)
            raise

    async def leave(self, page: OpenPage) -> None:
        """Serve *page* no more; without pages the feed ends. Raises what the channel layer raises."""
        self._pages.discard(page)
        if page.sending is not None:
            page.sending.cancel()
        if self._pages:
            return
        for key in [key for key, feed in _feeds.items() if feed is self]:
            del _feeds[key]
        for task in filter(None, [self._starting, *self._tasks]):
            task.cancel()
        for group in self._groups:
            await get_channel_layer().group_discard(group, self._channel)

    def ask(self, page: OpenPage, *, missed: bool) -> None:
        """The page is ready for an answer. It *missed* what it was answered before: it is owed that anew."""
        page.asks, page.is_owed = True, page.is_owed or missed
        self._woken.set()

    async def once(self, key: object, make: Callable[[], Coroutine[Any, Any, str]]) -> str:
        """What *make* gives, made once for all pages that ask for *key* until the next change. Raises what *make* raises."""
        task = self._rendered.get(key)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            if len(self._rendered) >= KEPT:
                self._rendered.clear()
            task = self._rendered[key] = asyncio.ensure_future(make())
        return await asyncio.shield(task)

    async def _start(self) -> None:
        self._channel = await get_channel_layer().new_channel()
        await self._listen()
        self._tasks = [essential_task("feed", self._hear()), essential_task("feed", self._run())]

    async def _listen(self) -> None:
        for group in self._groups:
            await get_channel_layer().group_add(group, self._channel)

    async def _hear(self) -> None:
        while True:
            message = await get_channel_layer().receive(self._channel)
            self._recent.append((time.monotonic(), message["count"]))
            origin, number = (message["workspace"], message["origin"]), message["n"]
            is_gap = self._heard.get(origin, number - 1) != number - 1
            self._heard[origin] = number
            self._add_news(message["incidents"], many=is_gap, by_person="incident" in message["kinds"])

    def _add_news(self, incidents: Sequence[int] = (), *, many: bool = False, by_person: bool = False) -> None:
        """Note what changed; no *incidents* means many."""
        news = self._news = self._news or _News()
        news.incidents.update(map(incident_id, incidents))
        news.many |= many or not incidents
        news.by_person |= by_person
        self._woken.set()

    async def _run(self) -> None:
        while True:
            if not self._has_work():
                self._woken.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), max(0.0, self._resync_at - time.monotonic()))
            now = time.monotonic()
            if now >= self._resync_at:
                self._resync_at = now + RESYNC
                self._add_news()
                with suppress(Exception):  # the layer is away: the next time
                    await self._listen()  # the in-memory layer forgets whoever joined a day ago
            if self._news and now >= self._read_at + self._pause(FIGURES, self._news.by_person, READING * self._took):
                await self._read(self._news)
            self._serve(time.monotonic())
            await asyncio.sleep(STEP)

    def _has_work(self) -> bool:
        """Whether there is something to read, to answer or to publish."""
        return self._news is not None or any(
            (page.asks and page.is_owed) or page.counts != self._counts for page in self._pages
        )

    def _pause(self, each: float, by_person: bool, least: float = 0.0) -> float:
        while self._recent and self._recent[0][0] < time.monotonic() - 1:
            self._recent.popleft()
        usual = max(least, pause(each, len(self._pages), sum(count for _, count in self._recent)))
        return min(usual, BY_PERSON) if by_person else usual

    async def _read(self, news: _News) -> None:
        """Read the figures. The pages that *news* concern are owed what is rendered from now on."""
        self._news = None
        began = time.monotonic()
        try:
            self._counts = await database_sync_to_async(read_counts)(self._actor)
        except DatabaseFailure as error:  # pages keep the old figures for a second
            log.warning("the figures of open pages could not be read: %s", error)
            self._add_news(by_person=news.by_person)
            self._read_at = time.monotonic() + 1
            return
        self._read_at = time.monotonic()
        self._took = self._read_at - began
        self._rendered.clear()
        for page in filter(news.concerns, self._pages):
            page.is_owed, page.by_person = True, page.by_person or news.by_person

    def _serve(self, now: float) -> None:
        """Answer the pages whose turn it is, one after the other, and publish the figures to the rest."""
        for page in sorted(self._pages, key=lambda page: (not page.by_person, page.answered_at)):
            if not page.is_free:
                continue
            if page.asks and page.is_owed and self._is_turn(page, now):
                page.asks = page.is_owed = page.by_person = False
                page.answered_at, page.counts = now, self._counts
                page.send(page.answer(self._counts))
            elif page.counts != self._counts:
                page.counts = self._counts
                page.send(page.publish(self._counts))

    def _is_turn(self, page: OpenPage, now: float) -> bool:
        """Whether *page* may be answered. The pages share their pause, so that they do not all show something at one instant."""
        next_at = self._answered_at + self._pause(LISTS, page.by_person) / len(self._pages)
        if now < next_at:
            return False
        self._answered_at = max(next_at, now - STEP)
        return True


_feeds: dict[tuple[object, ...], Feed] = {}


async def join(actor: Actor, groups: Sequence[str], page: OpenPage) -> Feed:
    """The feed of what *actor* sees in this event loop, with *page* served. Raises what the channel layer raises."""
    feed = _feeds.setdefault((asyncio.get_running_loop(), actor.workspace_ids, *groups), Feed(actor, groups))
    await feed.join(page)
    return feed
