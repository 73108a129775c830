"""Incident numbers: handed out per workspace and UTC day. Gaps are allowed; a single incident takes a single number.

Under load a thread takes a block of numbers ahead, since asking for each batch would cost as much as a commit. The rest
of a block goes back after the load when nobody took numbers since.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

BLOCK = 100
LOAD = 30  # batches within a second: from then on numbers are taken ahead
FRESH = 1.0  # seconds; what is left for longer goes back
MOST_BLOCKS = 1000  # that a thread keeps; yesterday's and idle workspaces' leftovers become gaps

# Numbers for those of the problems that have no live incident, or for all; none at all writes nothing. Our own leftovers, from
# `first` to `end`, are taken first when they are still the last that anybody took.
_RESERVE = """
WITH wanted AS (
    SELECT %(count)s - (SELECT count(*) FROM unnest(%(hashes)s::uuid[]) AS n(dedup_hash) CROSS JOIN LATERAL (
        SELECT FROM incidents_incident i
        WHERE i.dedup_hash = n.dedup_hash AND i.status IN ('open', 'acknowledged', 'investigating') LIMIT 1) i) AS count
)
INSERT INTO incidents_nameblock AS b (workspace_id, day, next_number)
SELECT %(workspace)s, %(day)s, 1 + count FROM wanted WHERE count > 0
ON CONFLICT (workspace_id, day) DO UPDATE SET
    next_number = CASE WHEN b.next_number = %(end)s THEN %(first)s ELSE b.next_number END + excluded.next_number - 1
RETURNING next_number - (SELECT count FROM wanted), next_number
"""

_GIVE_BACK = """
UPDATE incidents_nameblock SET next_number = %(first)s
WHERE workspace_id = %(workspace)s AND day = %(day)s AND next_number = %(end)s
"""


@dataclass(slots=True)
class Run:
    """Numbers from *first* up to, but without, *end*."""

    first: int = 0
    end: int = 0

    @property
    def count(self) -> int:
        return self.end - self.first


@dataclass(slots=True)
class Block(Run):
    """The numbers that a thread has left, since when, and when it last asked for some."""

    at: float = 0.0
    asked: deque[float] = field(default_factory=lambda: deque([-LOAD] * LOAD, maxlen=LOAD))


class Reserved(threading.local):
    """The blocks of this thread. Only the ingest writer, which is never inside somebody else's transaction, keeps any."""

    def __init__(self) -> None:
        self.blocks: dict[tuple[int, date], Block] = {}


_reserved = Reserved()


def take(workspace_id: int, day: date, count: int, hashes: Sequence[str] = ()) -> Run:
    """A run of numbers that nobody else gets, for *count* problems; perhaps fewer when some of *hashes*, which they have, have a
    live incident already.

    Inside a transaction exactly *count* are reserved, since a rollback takes the reservation back; outside, in a transaction of
    its own.
    """
    if connection.in_atomic_block:
        return _reserve(workspace_id, day, count, (), Run()) or Run()
    if (workspace_id, day) not in _reserved.blocks and len(_reserved.blocks) >= MOST_BLOCKS:
        _reserved.blocks.clear()
    block = _reserved.blocks.setdefault((workspace_id, day), Block())
    now = time.monotonic()
    is_loaded = now - block.asked[0] < FRESH
    block.asked.append(now)
    if block.count < count or (now - block.at > FRESH and not is_loaded):
        run = (
            _reserve(workspace_id, day, max(count, BLOCK), (), block)
            if is_loaded
            else _reserve(workspace_id, day, count, hashes, block)
        )
        if run is None:
            return Run()
        block.first, block.end, block.at = run.first, run.end, now
    taken = Run(block.first, min(block.end, block.first + count))
    block.first = taken.end
    return taken


def give_back(workspace_id: int, day: date, run: Run, last_used: int) -> None:
    """Free what lies behind *last_used*, if the run is the last that was given; else it becomes a gap."""
    if last_used + 1 >= run.end:
        return
    if connection.in_atomic_block and (workspace_id, day) not in _reserved.blocks:
        with connection.cursor() as cursor:
            _give_back(cursor, workspace_id, day, Run(last_used + 1, run.end))
        return
    block = _reserved.blocks.get((workspace_id, day))
    if block is not None and block.first == run.end:
        block.first = last_used + 1


def release() -> None:
    """Give back what this thread has left, before it ends."""
    with connection.cursor() as cursor:
        for (workspace_id, day), block in _reserved.blocks.items():
            if block.count:
                _give_back(cursor, workspace_id, day, block)
    _reserved.blocks.clear()


def _reserve(workspace_id: int, day: date, count: int, hashes: Sequence[str], left: Run) -> Run | None:
    """The run; None when no number is wanted."""
    values: dict[str, Any] = {
        "workspace": workspace_id, "day": day, "count": count, "hashes": list(hashes), "first": left.first, "end": left.end,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE, values)
        row = cursor.fetchone()
    return Run(*row) if row else None


def _give_back(cursor: CursorWrapper, workspace_id: int, day: date, run: Run) -> None:
    cursor.execute(_GIVE_BACK, {"workspace": workspace_id, "day": day, "first": run.first, "end": run.end})
