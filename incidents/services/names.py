"""Incident numbers: handed out per workspace and UTC day, from blocks that a process reserves. Gaps are allowed."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import date

from django.db import connection

BLOCK = 500
MOST_BLOCKS = 1000  # that a thread keeps; yesterday's and idle workspaces' leftovers become gaps

_RESERVE = """
INSERT INTO incidents_nameblock (workspace_id, day, next_number) VALUES (%(workspace)s, %(day)s, 1 + %(count)s)
ON CONFLICT (workspace_id, day) DO UPDATE SET next_number = incidents_nameblock.next_number + %(count)s
RETURNING next_number - %(count)s
"""


@dataclass(slots=True)
class Run:
    """Numbers from *first* up to, but without, *end*."""

    first: int
    end: int


class Reserved(threading.local):
    """The blocks of this thread. Only the ingest writer, which is never inside somebody else's transaction, keeps any."""

    def __init__(self) -> None:
        self.blocks: dict[tuple[int, date], Run] = {}


_reserved = Reserved()


def take(workspace_id: int, day: date, count: int) -> Run:
    """A run of *count* numbers that nobody else gets.

    Outside a transaction it comes from a block kept by the thread, reserved in a transaction of its own. Inside one exactly
    *count* are reserved, since a rollback would take the reservation back.
    """
    if connection.in_atomic_block:
        return _reserve(workspace_id, day, count)
    key = (workspace_id, day)
    block = _reserved.blocks.get(key)
    if block is None or block.end - block.first < count:
        if len(_reserved.blocks) >= MOST_BLOCKS:
            _reserved.blocks.clear()
        block = _reserved.blocks[key] = _reserve(workspace_id, day, max(count, BLOCK))
    run = Run(block.first, block.first + count)
    block.first = run.end
    return run


def give_back(workspace_id: int, day: date, run: Run, last_used: int) -> None:
    """Free what lies behind *last_used*, if the run is the last that the thread's block gave; else it becomes a gap."""
    block = _reserved.blocks.get((workspace_id, day))
    if block is not None and block.first == run.end:
        block.first = last_used + 1


def _reserve(workspace_id: int, day: date, count: int) -> Run:
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE, {"workspace": workspace_id, "day": day, "count": count})
        first: int = cursor.fetchone()[0]
    return Run(first, first + count)
