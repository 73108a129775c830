"""Rights of open pages: every few seconds one look decides for all sockets whether their people may still be there.

A page is told to close when its person signed out, was deactivated, or has a new password or other memberships.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from channels.db import database_sync_to_async
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import Error as DatabaseFailure
from django.utils.crypto import constant_time_compare

from aiops.access.actors import Actor
from aiops.access.models import User, Workspace
from aiops.access.people import ANONYMOUS, actors_for_users
from aiops.kernel import live
from aiops.kernel.clock import utcnow

log = logging.getLogger(__name__)

LEAST = 0.05  # seconds between two looks


@dataclass(frozen=True, slots=True)
class Rights:
    """What a session allows: whose it is, and the groups of the workspaces that the person may see."""

    user: User | None = None
    actor: Actor = ANONYMOUS
    groups: list[str] = field(default_factory=list)


class Guarded(Protocol):
    """An open page."""

    session_key: str

    async def settle(self, rights: Rights) -> None:
        """Go on with these *rights*, or close."""


def rights_of(session_keys: Collection[str]) -> dict[str, Rights]:
    """The rights of each session that goes on; four queries for any number of them."""
    sessions = Session.objects.filter(session_key__in=session_keys, expire_date__gt=utcnow())
    held = {row.session_key: row.get_decoded() for row in sessions}
    wanted = [data[SESSION_KEY] for data in held.values() if SESSION_KEY in data]
    people = {str(user.pk): user for user in User.objects.filter(pk__in=wanted, is_active=True)}
    actors = actors_for_users(people.values())
    everywhere = [pk for pk, user in people.items() if actors[user.pk].workspace_ids is None]
    every = tuple(Workspace.objects.order_by("pk").values_list("pk", flat=True)) if everywhere else ()
    found = {}
    for key, data in held.items():
        user = people.get(str(data.get(SESSION_KEY)))
        if user is not None and _fits(user, data.get(HASH_SESSION_KEY, "")):
            ids = actors[user.pk].workspace_ids
            found[key] = Rights(user, actors[user.pk], [live.group(pk) for pk in (every if ids is None else ids)])
    return found


def _fits(user: User, hashed: str) -> bool:
    """Whether the session was begun with the password that the person has now."""
    known = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return any(constant_time_compare(hashed, each) for each in known)


class Guard:
    """Looks after all open pages of an event loop."""

    def __init__(self, every: Callable[[], float]) -> None:
        self._every = every
        self._pages: dict[object, set[Guarded]] = {}
        self._tasks: dict[object, asyncio.Task[None]] = {}

    def join(self, page: Guarded) -> None:
        """Look after *page* too."""
        loop = asyncio.get_running_loop()
        self._pages.setdefault(loop, set()).add(page)
        if loop not in self._tasks:
            self._tasks[loop] = asyncio.ensure_future(self._watch(loop))

    def leave(self, page: Guarded) -> None:
        """Look after it no more."""
        loop = asyncio.get_running_loop()
        pages = self._pages.get(loop, set())
        pages.discard(page)
        if not pages and loop in self._tasks:
            self._tasks.pop(loop).cancel()
            self._pages.pop(loop, None)

    async def _watch(self, loop: object) -> None:
        while True:
            await asyncio.sleep(max(LEAST, self._every()))
            pages = list(self._pages[loop])
            try:
                found = await database_sync_to_async(rights_of)([page.session_key for page in pages])
            except DatabaseFailure as error:
                log.warning("whether open pages may still listen is not known: %s", error)
                continue
            for page in pages:
                with suppress(Exception):  # whatever a socket raises that is just closing
                    await page.settle(found.get(page.session_key, Rights()))
