"""``/ws/console``: tells an open page what changed in the workspaces that its person may see. The page then asks for it."""

from __future__ import annotations

from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer

from aiops.access.actors import Actor
from aiops.access.models import User, Workspace
from aiops.access.people import ANONYMOUS, actor_for_user
from aiops.kernel import live
from aiops.kernel.ids import incident_id
from incidents.console.counts import FEEDS, Counts, CountsFeed

SIGNED_OUT = 4401  # close code: reload, and the sign-in page comes
RIGHTS_CHANGED = 4403  # close code: connect again


class ConsoleConsumer(AsyncJsonWebsocketConsumer):
    """One open page.

    It is sent ``{"v", "incidents": [ids], "kinds": […], "count": n, "at"}`` for a change (an empty list means many) and
    ``{"v", "counts": {…}}`` for new figures; *v* counts the messages of this socket from 1, so that a gap is noticed. It may
    send ``{"ping": n}`` and is answered ``{"v", "pong": n}``; each ping also asks again whether the person may still be here.
    """

    actor: Actor = ANONYMOUS
    feed: CountsFeed | None = None

    async def connect(self) -> None:
        self.sent = 0
        self.groups_joined: list[str] = []
        self.actor, workspaces = await _rights(self.scope.get("user"))
        if self.actor == ANONYMOUS:
            await self.accept()  # a refused handshake would not tell the page why
            await self.close(SIGNED_OUT)
            return
        for workspace_id in workspaces:
            name = live.group(workspace_id)
            await self.channel_layer.group_add(name, self.channel_name)
            self.groups_joined.append(name)
        self.feed = FEEDS.join(self.actor, self.tell_counts)
        await self.accept()

    async def disconnect(self, code: int) -> None:
        if self.feed is not None:
            FEEDS.leave(self.feed, self.tell_counts)
        for name in self.groups_joined:
            await self.channel_layer.group_discard(name, self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        number = content.get("ping") if isinstance(content, dict) else None
        if not isinstance(number, int):
            return  # nothing else is said to us
        actor, workspaces = await _rights(await _same_user(self.scope))
        if actor == ANONYMOUS:
            await self.close(SIGNED_OUT)
        elif [live.group(workspace_id) for workspace_id in workspaces] != self.groups_joined:
            await self.close(RIGHTS_CHANGED)
        else:
            await self._tell({"pong": number})

    @classmethod
    async def decode_json(cls, text_data: str) -> Any:
        try:
            return await super().decode_json(text_data)
        except ValueError:
            return None  # no reason to fall over

    async def live_change(self, message: dict[str, Any]) -> None:
        """A change, from ``kernel.live``."""
        await self._tell(
            {
                "incidents": [incident_id(pk) for pk in message["incidents"]],
                "kinds": message["kinds"],
                "count": message["count"],
                "at": message.get("at", ""),
            }
        )
        if self.feed is not None:
            self.feed.changed()

    async def tell_counts(self, counts: Counts) -> None:
        """New figures, from the feed."""
        await self._tell({"counts": counts})

    async def _tell(self, content: dict[str, Any]) -> None:
        self.sent += 1
        await self.send_json({"v": self.sent, **content})


@database_sync_to_async
def _rights(user: Any) -> tuple[Actor, list[int]]:
    """The actor that *user* is, and the workspaces it may see; :data:`ANONYMOUS` for nobody."""
    actor = actor_for_user(user)
    if actor.workspace_ids is None:
        return actor, list(Workspace.objects.order_by("pk").values_list("pk", flat=True))
    return actor, list(actor.workspace_ids)


@database_sync_to_async
def _same_user(scope: dict[str, Any]) -> User | None:
    """The person of the socket as the database knows it now, None when the session has ended."""
    session, user = scope.get("session"), scope.get("user")
    if session is not None and not (session.session_key and session.exists(session.session_key)):
        return None
    return User.objects.filter(pk=user.pk, is_active=True).first() if user is not None else None
