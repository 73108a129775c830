"""``/ws/console``: an open page hears the figures of the workspaces that its person may see, and has its question answered.

The page says

- ``{"ask": fragment, "query": "…", "incident": "…", "missed": bool}``: its question, one at a time. It is answered once something
  changed (at once the first time, and when the page *missed* an answer), with ``{"answer": query, "html": …, "counts": {…}}``.
  The fragment is rendered once for all who see the same; a request through Django's stack costs ten times what this does. A page
  whose fragments are personal asks for "page", gets no *html*, and fetches itself. *incident* names the only one that it shows;
- ``{"ping": n}``: answered ``{"pong": n}``.

It also hears ``{"counts": {…}}``, whenever they change. Every few seconds ``rights`` says whether the person may still be here.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import redis
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict

from aiops.access.actors import Actor
from aiops.access.models import User
from aiops.access.people import ANONYMOUS
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError
from incidents.response.console import feed
from incidents.response.console.feed import Counts, Feed, OpenPage
from incidents.response.console.listing import count_mine
from incidents.response.console.rights import Guard, Rights, rights_of

log = logging.getLogger(__name__)

SIGNED_OUT = 4401  # close code: reload, and the sign-in page comes
RIGHTS_CHANGED = 4403  # close code: connect again
TRY_AGAIN = 1013  # close code of RFC 6455's registry
RECHECK = 3.0  # seconds that rights are believed
LONGEST_QUERY = 4000  # characters

Renderer = Callable[[Actor, User, str, datetime], str]


def parse_message(text: str) -> dict[str, Any]:
    """What a page said; empty when that can't be read, which is no reason to fall over."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


class ConsoleConsumer(AsyncWebsocketConsumer):
    """One open page."""

    def __init__(self, fragments: Mapping[str, Renderer] | None = None) -> None:
        super().__init__()
        self.fragments = fragments or {}
        self.actor: Actor = ANONYMOUS
        self.user: Any = None
        self.feed: Feed | None = None
        self.page = OpenPage(self.publish, self.answer)
        self.question = ("", "")  # fragment, query
        self.joined: list[str] = []
        self.session_key = ""

    async def connect(self) -> None:
        session = self.scope.get("session")
        self.session_key = (session.session_key if session is not None else "") or ""
        found = await database_sync_to_async(rights_of)([self.session_key])
        rights = found.get(self.session_key, Rights())
        self.user, self.actor, self.joined = rights.user, rights.actor, rights.groups
        await self.accept()  # also when it is closed at once: a refused handshake would not tell the page why
        if self.actor == ANONYMOUS:
            await self.close(SIGNED_OUT)
            return
        try:
            self.feed = await feed.join(self.actor, self.joined, self.page)
        except (redis.RedisError, OSError) as error:
            log.warning("a page can't be told what happens, and will try again: %s", error)
            await self.close(TRY_AGAIN)
            return
        GUARD.join(self)

    async def disconnect(self, code: int) -> None:
        GUARD.leave(self)
        if self.feed is not None:
            await self.feed.leave(self.page)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        content = parse_message(text_data or "")
        if isinstance(fragment := content.get("ask"), str) and self.feed is not None:
            self.question = (fragment, str(content.get("query", "")))
            self.page.about = str(content.get("incident") or "")
            self.feed.ask(self.page, missed=content.get("missed") is True)
        elif isinstance(number := content.get("ping"), int):
            await self._send_json({"pong": number})

    async def _send_json(self, message: dict[str, Any]) -> None:
        await self.send(text_data=json.dumps(message))

    async def publish(self, counts: Counts) -> None:
        """Send the figures."""
        await self._send_json({"counts": counts})

    async def answer(self, counts: Counts) -> None:
        """Answer the page's question. When that fails, the page connects again, and asks anew."""
        fragment, query = self.question
        try:
            html = await self._render(fragment, query)
            if fragment == "board":
                counts = {**counts, "mine": await database_sync_to_async(count_mine)(self.actor, self.user, utcnow())}
            await self._send_json({"answer": query, "html": html, "counts": counts})
        except OSError:  # the page is gone
            return
        except Exception:  # a database that is away, say
            log.warning("an open page could not be answered, and will try again", exc_info=True)
            await self.close(TRY_AGAIN)

    async def _render(self, fragment: str, query: str) -> str | None:
        """The fragment; None when the page has to fetch itself, or when it can't be made of what was said."""
        render, actor, user = self.fragments.get(fragment), self.actor, self.user
        if render is None or self.feed is None or len(query) > LONGEST_QUERY:
            return None

        async def make() -> str:
            return await database_sync_to_async(render, thread_sensitive=False)(actor, user, query, utcnow())

        try:
            personal = user.pk if QueryDict(query).get("view") == "mine" else None
            return await self.feed.once((fragment, user.time_zone, query, personal), make)
        except (DomainError, SuspiciousOperation):
            return None

    async def settle(self, rights: Rights) -> None:
        """Go on with these *rights*; when they are others than before, the socket is closed."""
        if rights.actor == ANONYMOUS:
            await self.close(SIGNED_OUT)
        elif rights.groups != self.joined:
            await self.close(RIGHTS_CHANGED)
        else:
            self.user, self.actor = rights.user, rights.actor


GUARD = Guard(lambda: RECHECK)
