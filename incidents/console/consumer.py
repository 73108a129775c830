"""``/ws/console``: tells an open page what changed in the workspaces that its person may see, and answers with fragments.

The page hears what its ``feed`` says. It may say

- ``{"ask": n, "fragment": name, "query": "…", "at"}``: answered ``{"answer": n, "html"}``, rendered after the change *at*, once
  for all who see the same. A request through Django's stack costs ten times what this does when many pages are open;
- ``{"ping": n}``: answered ``{"pong": n}``.

Every few seconds what it says makes us ask again whether the person may still be here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import redis
from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.core.exceptions import SuspiciousOperation
from django.http import QueryDict

from aiops.access.actors import Actor
from aiops.access.models import User, Workspace
from aiops.access.people import ANONYMOUS, actor_for_user
from aiops.kernel import live
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import DomainError
from incidents.console.feed import FEEDS, Feed
from incidents.console.fragments import FRAGMENTS

log = logging.getLogger(__name__)

SIGNED_OUT = 4401  # close code: reload, and the sign-in page comes
RIGHTS_CHANGED = 4403  # close code: connect again
TRY_AGAIN = 1013  # close code of RFC 6455's registry
RECHECK = 5.0  # seconds that rights are believed
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
        self.checked_at = 0.0  # time.monotonic()

    async def connect(self) -> None:
        self.user = self.scope.get("user")
        self.actor, groups = await _rights(self.user)
        self.checked_at = time.monotonic()
        if self.actor == ANONYMOUS:
            await self.accept()  # a refused handshake would not tell the page why
            await self.close(SIGNED_OUT)
            return
        self.joined = groups
        # First listen, then let the page ask for what it shows: so nothing falls between the two.
        try:
            self.feed = await FEEDS.join(self.actor, groups, self.tell)
        except (redis.RedisError, OSError) as error:
            log.warning("a page can't be told what happens, and will try again: %s", error)
            await self.close(TRY_AGAIN)
            return
        await self.accept()
        self.accepted.set()

    async def disconnect(self, code: int) -> None:
        if self.feed is not None:
            await FEEDS.leave(self.feed, self.tell)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        if text_data:  # pages send nothing else
            await super().receive(text_data=text_data, **kwargs)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        if not isinstance(content, dict) or not await self._may_stay():
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

    async def _may_stay(self) -> bool:
        """Whether the person is still signed in and may see the same; else the socket is closed. Asked every few seconds."""
        if time.monotonic() - self.checked_at < RECHECK:
            return True
        self.checked_at = time.monotonic()
        self.user = await _user_of(self.scope)
        actor, groups = await _rights(self.user)
        if actor == ANONYMOUS:
            await self.close(SIGNED_OUT)
            return False
        if groups != self.joined:
            await self.close(RIGHTS_CHANGED)
            return False
        self.actor = actor
        return True


@database_sync_to_async
def _rights(user: Any) -> tuple[Actor, list[str]]:
    """The actor that *user* is, and the groups of the workspaces it may see; :data:`ANONYMOUS` for nobody."""
    actor = actor_for_user(user)
    ids = actor.workspace_ids
    if ids is None:
        ids = tuple(Workspace.objects.order_by("pk").values_list("pk", flat=True))
    return actor, [live.group(workspace_id) for workspace_id in ids]


async def _user_of(scope: dict[str, Any]) -> Any:
    """The person of the socket's session as the database knows it now; nobody when the session has ended."""
    session = scope.get("session")
    if (
        session is None
        or not session.session_key
        or not await database_sync_to_async(session.exists)(session.session_key)
    ):
        return None
    return await get_user(scope)
