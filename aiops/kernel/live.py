"""Live push: the one function that tells open browsers that something changed.

Any thread may call :func:`publish_rows`. Changes of a workspace are coalesced for a moment and leave as one message
``{"type": "live.change", "incidents": [ids], "kinds": […], "count": n, "at": …}`` to the Channels group of the workspace; the
first change after a quiet spell leaves at once. *at* names the change (it is no clock to compare): who heard of it may ask for
what was rendered after it. Each web process listens once for all of its pages, and paces what they are told.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from channels.layers import get_channel_layer
from django.db import transaction

from aiops.kernel.threads import essential

log = logging.getLogger(__name__)

QUIET = 0.02  # seconds between two messages of one workspace while little happens
BUSY = 0.25  # … and while a storm passes, so that pushes never eat what ingest needs
STORM = 50  # changes in one message that count as a storm
MAX_IDS = 200  # a message that would name more incidents says "many" (an empty list) instead
AGAIN = 1.5  # seconds between two attempts while the channel layer is away; once it is back, so are its listeners within one
SILENT = 60.0  # seconds between two lines about that in the log


def group(workspace_id: int) -> str:
    """The Channels group that every open page of the workspace listens to."""
    return f"workspace.{workspace_id}"


@dataclass(slots=True)
class _Pending:
    incidents: set[int] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)
    count: int = 0
    next_at: float = 0.0
    scheduled: bool = False
    failed: bool = False  # some of it was tried in vain before

    def add(self, incidents: Iterable[int], kinds: Iterable[str], count: int) -> None:
        """Take in changes; beyond the number that a message may name, more ids would say no more."""
        if len(self.incidents) <= MAX_IDS:
            self.incidents.update(incidents)
        self.kinds.update(kinds)
        self.count += count


class LivePush:
    """Coalesces changes and posts them from one event loop: the web server's, or a thread of our own elsewhere."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[int, _Pending] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._silent_until = 0.0

    def bind(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Use *loop* from now on (lifespan start-up); None forgets it (shutdown)."""
        with self._lock:
            self._loop = loop
            self._pending.clear()

    def publish_rows(self, rows: Iterable[tuple[int, int | None]], kind: str) -> None:
        """Tell the open pages which incidents changed, once the transaction of this thread has committed.

        *rows* has a pair of workspace and incident for each change (None: a row that belongs to no incident, of which no page
        hears); *kind* says what changed them ("incident": a person). Never blocks, never raises.
        """
        changes: dict[int, list[int]] = {}
        for workspace_id, incident_id in rows:
            if incident_id is not None:
                changes.setdefault(workspace_id, []).append(incident_id)
        if changes:
            transaction.on_commit(partial(self._tell_all, changes, kind), robust=True)

    def _tell_all(self, changes: dict[int, list[int]], kind: str) -> None:
        for workspace_id, incident_ids in changes.items():
            self._tell(workspace_id, incident_ids, [kind], len(incident_ids))

    def _tell(self, workspace_id: int, incidents: Iterable[int], kinds: Iterable[str], count: int) -> None:
        try:
            loop = self._running_loop()
            with self._lock:
                pending = self._pending.setdefault(workspace_id, _Pending())
                pending.add(incidents, kinds, count)
                if pending.scheduled:
                    return
                pending.scheduled = True
            loop.call_soon_threadsafe(self._schedule, workspace_id)
        except RuntimeError as error:  # the loop is closing: pages resync when they reconnect
            log.debug("live push skipped: %s", error)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._loop.is_closed():
                loop = asyncio.new_event_loop()
                essential("live-push", loop.run_forever).start()
                self._loop = loop
            return self._loop

    def _schedule(self, workspace_id: int) -> None:
        pending = self._pending.get(workspace_id)
        if pending is None or self._loop is None:
            return
        delay = max(0.0, pending.next_at - time.monotonic())
        self._loop.call_later(delay, lambda: asyncio.ensure_future(self._flush(workspace_id)))

    async def _flush(self, workspace_id: int) -> None:
        with self._lock:
            pending = self._pending.get(workspace_id)
            if pending is None:
                return
            message = {
                "type": "live.change",
                "incidents": sorted(pending.incidents) if len(pending.incidents) <= MAX_IDS else [],
                "kinds": sorted(pending.kinds),
                "count": pending.count,
                "at": f"{time.time_ns():x}",
            }
            storm = pending.count > STORM
            self._pending[workspace_id] = _Pending(next_at=time.monotonic() + (BUSY if storm else QUIET))
        try:
            layer = get_channel_layer()
            if layer is not None:
                await layer.group_send(group(workspace_id), message)
        except Exception as error:  # noqa: BLE001 - whatever a channel layer raises: nobody waits for this task
            self._failed(workspace_id, pending, error)
        else:
            if pending.failed and self._loop is not None:
                # Those who listen may have come back later than we did: tell them once more.
                again = (workspace_id, pending.incidents, pending.kinds, pending.count)
                self._loop.call_later(AGAIN, self._tell, *again)

    def _failed(self, workspace_id: int, lost: _Pending, error: Exception) -> None:
        """Keep what could not be told, and try again, together with what comes meanwhile."""
        now = time.monotonic()
        if now >= self._silent_until:
            self._silent_until = now + SILENT
            log.warning("live pushes do not get through, and are tried again: %s", error)
        with self._lock:
            pending = self._pending.setdefault(workspace_id, _Pending())
            pending.add(lost.incidents, lost.kinds, lost.count)
            pending.failed, pending.next_at = True, now + AGAIN
            if pending.scheduled:
                return
            pending.scheduled = True
        self._schedule(workspace_id)


_push = LivePush()
bind = _push.bind
publish_rows = _push.publish_rows
