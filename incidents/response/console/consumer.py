"""``/ws/console``: tells an open page what changed in the workspaces that its person may see, and answers with fragments.

The page hears what its ``feed`` says. It may say

- ``{"ask": n, "fragment": name, "query": "…", "at"}``: answered ``{"answer": n, "html"}``, rendered after the change *at*, once
  for all who see the same. A request through Django's stack costs ten times what this does when many pages are open;
- ``{"ping": n}``: answered ``{"pong": n}``.

Every few seconds ``rights`` says whether the person may still be here, whether or not the page says anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import redis
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict

from aiops.access.actors import Actor
from aiops.access.models import User
from aiops.access.people import ANONYMOUS
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError
from incidents.response.console.feed import FEEDS, Feed
from incidents.response.console.fragments import FRAGMENTS
from incidents.response.console.rights import Guard, Rights, rights_of

log = logging.getLogger(__name__)

SIGNED_OUT = 4401  # close code: reload, and the sign-in page comes
RIGHTS_CHANGED = 4403  # close code: connect again
TRY_AGAIN = 1013  # close code of RFC 6455's registry
RECHECK = 3.0  # seconds that rights are believed
LONGEST_QUERY = 4000  # characters

Renderer = Callable[[Actor, User, str, datetime], str]


class ConsoleConsumer(AsyncJsonWebsocketConsumer):
    """One open page."""

    def __init__(self, fragments: Mapping[str, Renderer] | None = None) -> None:
        super().__init__()
        self.fragments = fragments or {}
        self.actor: Actor = ANONYMOUS
        self.user: Any = None
        self.feed: Feed | None = None
        self.accepted = asyncio.Event()
        self.joined: list[str] = []
        self.session_key = ""

    async def connect(self) -> None:
        session = self.scope.get("session")
        self.session_key = (session.session_key if session is not None else "") or ""
        found = await database_sync_to_async(rights_of)([self.session_key])
        rights = found.get(self.session_key, Rights())
        self.user, self.actor, self.joined = rights.user, rights.actor, rights.groups
        if self.actor == ANONYMOUS:
            await self.accept()  # a refused handshake would not tell the page why
            await self.close(SIGNED_OUT)
            return
        # First listen, then let the page ask for what it shows: so nothing falls between the two.
        try:
            self.feed = await FEEDS.join(self.actor, self.joined, self.tell)
        except (redis.RedisError, OSError) as error:
            log.warning("a page can't be told what happens, and will try again: %s", error)
            await self.close(TRY_AGAIN)
            return
        await self.accept()
        self.accepted.set()
        GUARD.join(self)

    async def disconnect(self, code: int) -> None:
        GUARD.leave(self)
        if self.feed is not None:
            await FEEDS.leave(self.feed, self.tell)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        if text_data:  # pages send nothing else
            await super().receive(text_data=text_data, **kwargs)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        if not isinstance(content, dict):
            return
        if isinstance(number := content.get("ask"), int):
            await self.send_json({"answer": number, "html": await self._fragment(content)})
        elif isinstance(number := content.get("ping"), int):
            await self.send_json({"pong": number})

    @classmethod
    async def decode_json(cls, text_data: str) -> Any:
        try:
            return await super().decode_json(text_data)
        except (ValueError, RecursionError):
            return None  # no reason to fall over

    async def tell(self, text: str) -> None:
        """A message of the feed."""
        await self.accepted.wait()
        await self.send(text_data=text)

    async def _fragment(self, content: dict[str, Any]) -> str:
        """The fragment that is asked for, empty when it can't be made of what was said."""
        name, query, at = (str(content.get(key, "")) for key in ("fragment", "query", "at"))
        render = self.fragments.get(name)
        if render is None or not at or len(query) > LONGEST_QUERY:
            return ""
        actor, user = self.actor, self.user

        async def make() -> str:
            return await database_sync_to_async(render, thread_sensitive=False)(actor, user, query, utcnow())

        try:
            personal = user.pk if QueryDict(query).get("view") == "mine" else None
            return await FRAGMENTS.get((name, actor.workspace_ids, user.time_zone, query, personal, at[:40]), make)
        except (DomainError, SuspiciousOperation):
            return ""

    async def settle(self, rights: Rights) -> None:
        """Go on with these *rights*; when they are others than before, the socket is closed."""
        if rights.actor == ANONYMOUS:
            await self.close(SIGNED_OUT)
        elif rights.groups != self.joined:
            await self.close(RIGHTS_CHANGED)
        else:
            self.user, self.actor = rights.user, rights.actor


GUARD = Guard(lambda: RECHECK)
