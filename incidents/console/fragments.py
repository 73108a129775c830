"""Rendered once, shown to many: what twenty open pages ask for at the same moment is worked out by the first of them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from django.http import HttpRequest

KEPT = 200  # fragments; about 60 kB each
MAX_AGE = 5.0  # seconds: later, nobody asks for that version any more


@dataclass(slots=True)
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    made_at: float = 0.0
    html: str | None = None


class Fragments:
    """A small, bounded memory of rendered fragments. A key names everything that the markup depends on, and a version of it."""

    def __init__(self, kept: int = KEPT, max_age: float = MAX_AGE) -> None:
        self._slots: OrderedDict[Hashable, _Slot] = OrderedDict()
        self._lock = threading.Lock()
        self._kept, self._max_age = kept, max_age

    def get(self, key: Hashable, make: Callable[[], str]) -> str:
        """What was made for *key*, made now if need be; whoever asks meanwhile waits for it instead of making it too."""
        with self._lock:
            slot = self._slots.get(key)
            if slot is None:
                slot = self._slots[key] = _Slot()
                if len(self._slots) > self._kept:
                    self._slots.popitem(last=False)
        with slot.lock:
            if slot.html is None or time.monotonic() - slot.made_at > self._max_age:
                slot.html, slot.made_at = make(), time.monotonic()
            return slot.html


FRAGMENTS = Fragments()


def shared(request: HttpRequest, name: str, make: Callable[[], str]) -> str:
    """A fragment that is the same for all who see the same workspaces in the same zone.

    The page names the change that it heard of (``Live-Version``), so that what is served is never older than that. A request
    without one gets a fresh rendering.
    """
    version = request.headers.get("Live-Version", "")[:40]
    if not version:
        return make()
    actor, user = request.actor, request.user  # type: ignore[attr-defined]
    return FRAGMENTS.get((actor.workspace_ids, user.time_zone, request.path, name, version), make)
