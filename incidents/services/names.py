"""Incident numbers: handed out per workspace and UTC day, from blocks that a process reserves. Gaps are allowed."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import date

from django.db import connection

BLOCK = 500

_RESERVE = """
INSERT INTO incidents_nameblock (workspace_id, day, next_number) VALUES (%(workspace)s, %(day)s, 1 + %(count)s)
ON CONFLICT (workspace_id, day) DO UPDATE SET next_number = incidents_nameblock.next_number + %(count)s
RETURNING next_number - %(count)s
"""


@dataclass(slots=True)
class Numbers:
    """A run of numbers: *first* is the next free one, *end* the first that is not ours."""

    first: int
    end: int


class Reserved(threading.local):
    """The blocks of this thread. Only the ingest writer, which is never inside somebody else's transaction, keeps any."""

    def __init__(self) -> None:
        self.blocks: dict[tuple[int, date], Numbers] = {}


_reserved = Reserved()


def numbers(workspace_id: int, day: date, count: int) -> Numbers:
    """At least *count* free numbers; the caller advances ``first`` past the ones it used.

    Outside a transaction they come from a block kept by the thread, reserved in a transaction of its own. Inside one exactly
    *count* are reserved, since a rollback would take the reservation back.
    """
    if connection.in_atomic_block:
        return _reserve(workspace_id, day, count)
    key = (workspace_id, day)
    block = _reserved.blocks.get(key)
    if block is None or block.end - block.first < count:
        if len(_reserved.blocks) > 1000:
            _reserved.blocks.clear()  # yesterday's and idle workspaces' leftovers become gaps
        block = _reserved.blocks[key] = _reserve(workspace_id, day, max(count, BLOCK))
    return block


def _reserve(workspace_id: int, day: date, count: int) -> Numbers:
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE, {"workspace": workspace_id, "day": day, "count": count})
        first: int = cursor.fetchone()[0]
    return Numbers(first, first + count)
