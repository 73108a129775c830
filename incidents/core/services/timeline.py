"""The one writer of timeline entries: in the transaction of what they tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

import orjson

from aiops.kernel import sql
from incidents.core.models import TimelineEntry
from incidents.core.timeline import Entry

_TYPES = {"incident_id": "bigint", "at": "timestamptz", "data": "jsonb"}  # of the columns that are no text
_NAMES = ", ".join(field.name for field in fields(Entry))
_TYPED = ", ".join(f"{field.name} {_TYPES.get(field.name, 'text')}" for field in fields(Entry))

# Takes a JSON list of entries as its parameter. Ingest appends it to the statement that stores alerts.
INSERT = (
    f"INSERT INTO {TimelineEntry._meta.db_table} ({_NAMES})\n"
    f"SELECT {_NAMES} FROM json_to_recordset(%s::json) AS t({_TYPED})"
)


def record(entries: Iterable[Entry]) -> list[int]:
    """Append *entries* to their incidents' timelines in one statement; returns their keys. Raises ``django.db.Error``."""
    written = list(entries)
    if not written:
        return []
    with sql.run(f"{INSERT} RETURNING id", [orjson.dumps(written).decode()], keep_plan=True) as cursor:
        return [pk for (pk,) in cursor.fetchall()]
