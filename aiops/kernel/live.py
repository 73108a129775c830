"""Live push: tells the web processes which incidents changed, so that open pages follow.

Any thread may call :func:`publish_rows`. The changes of a workspace leave as one message to its Channels group: the first at
once, those that follow it together. A message is ``{"type": "live.change", "workspace": id, "incidents": [ids], "kinds": […],
"count": n, "origin": …, "n": …}``. No incident means many. *n* counts the messages of one origin about one workspace, so that
a listener notices when one was lost.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from uuid import uuid4

from channels.layers import get_channel_layer
from django.db import transaction

from aiops.kernel.threads import essential

log = logging.getLogger(__name__)

TOGETHER = (
    0.05  # seconds between two messages about a workspace, so that a busy ingest does not spend its time on messages
)
MAX_IDS = 200  # incidents that a message names; with more it says "many"
AGAIN = 1.5  # seconds between two attempts while the channel layer is away; its listeners are back within one of them


def group(workspace_id: int) -> str:
    """The Channels group that every open page of the workspace listens to."""
    return f"workspace.{workspace_id}"


@dataclass(slots=True)
class _Changes:
    """Changes of one workspace that have not left yet."""

    incidents: set[int] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)
    count: int = 0

    def add(self, incidents: Iterable[int], kinds: Iterable[str], count: int) -> None:
        if len(self.incidents) <= MAX_IDS:  # more ids would say no more
            self.incidents.update(incidents)
        self.kinds.update(kinds)
        self.count += count


class LivePush:
    """Sends changes from one event loop: the web server's, or a thread of our own elsewhere."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, _Changes] = {}  # by workspace; each has its message planned
        self._next_at: dict[int, float] = {}  # by workspace, in time.monotonic()
        self._sent: dict[int, int] = {}  # messages, by workspace
        self._failing: set[int] = set()  # workspaces whose last message could not be sent
        self._origin = uuid4().hex
        self._loop: asyncio.AbstractEventLoop | None = None

    def bind(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Use *loop* from now on (lifespan start-up); None forgets it (shutdown)."""
        with self._lock:
            self._loop = loop
            self._waiting.clear()

    def publish_rows(self, rows: Iterable[tuple[int, int | None]], kind: str) -> None:
        """Tell the open pages which incidents changed, once the transaction of this thread has committed.

        *rows* has a pair of workspace and incident for each change (None: a row that belongs to no incident, of which no page
        hears); *kind* says what changed them ("incident": a person). Never blocks, never raises.
        """
        changes: dict[int, list[int]] = {}
        for workspace_id, incident_id in rows:
            if incident_id is not None:
                changes.setdefault(workspace_id, []).append(incident_id)
        for workspace_id, incidents in changes.items():
            transaction.on_commit(partial(self._take, workspace_id, incidents, [kind], len(incidents)), robust=True)

    def _take(self, workspace_id: int, incidents: Iterable[int], kinds: Iterable[str], count: int) -> None:
        try:
            loop = self._running_loop()
            with self._lock:
                planned = workspace_id in self._waiting
                self._waiting.setdefault(workspace_id, _Changes()).add(incidents, kinds, count)
            if not planned:
                loop.call_soon_threadsafe(self._plan, loop, workspace_id)
        except RuntimeError as error:  # the loop is closing: pages ask for everything when they reconnect
            log.debug("live push skipped: %s", error)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._loop.is_closed():
                self._loop = asyncio.new_event_loop()
                essential("live-push", self._loop.run_forever).start()
            return self._loop

    def _plan(self, loop: asyncio.AbstractEventLoop, workspace_id: int) -> None:
        delay = self._next_at.get(workspace_id, 0.0) - time.monotonic()
        loop.call_later(max(0.0, delay), lambda: asyncio.ensure_future(self._send(workspace_id)))

    async def _send(self, workspace_id: int) -> None:
        with self._lock:
            changes = self._waiting.pop(workspace_id, None)
        if changes is None:
            return
        self._next_at[workspace_id] = time.monotonic() + TOGETHER
        self._sent[workspace_id] = self._sent.get(workspace_id, 0) + 1
        message = {
            "type": "live.change", "workspace": workspace_id, "kinds": sorted(changes.kinds), "count": changes.count,
            "incidents": sorted(changes.incidents) if len(changes.incidents) <= MAX_IDS else [],
            "origin": self._origin, "n": self._sent[workspace_id],
        }  # fmt: skip
        again = partial(self._take, workspace_id, changes.incidents, changes.kinds, changes.count)
        try:
            await get_channel_layer().group_send(group(workspace_id), message)
        except Exception as error:  # noqa: BLE001 - whatever a channel layer raises: nobody waits for this task
            if not self._failing:
                log.warning("live pushes do not get through, and are tried again: %s", error)
            self._failing.add(workspace_id)
            self._next_at[workspace_id] = time.monotonic() + AGAIN
            again()
        else:
            if workspace_id in self._failing:  # those who listen may be back later than we are: tell them once more
                self._failing.discard(workspace_id)
                asyncio.get_running_loop().call_later(AGAIN, again)


_push = LivePush()
bind = _push.bind
publish_rows = _push.publish_rows
