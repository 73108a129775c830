"""Dead letters in the shape of the client dialect."""

from __future__ import annotations

from typing import Any

import orjson
from django.db.models import BinaryField
from django.db.models.functions import Substr

from aiops.access.actors import Actor
from aiops.kernel.clock import rfc3339
from incidents.journal.selectors import readable_letters

SHOWN_BYTES = 64 * 1024  # of a body: a page of a thousand must stay readable


def entries(actor: Actor, limit: int) -> list[dict[str, Any]]:
    """The latest *limit*, newest first, without dragging whole bodies from the database."""
    rows = readable_letters(actor).annotate(head=Substr("raw", 1, SHOWN_BYTES + 1, output_field=BinaryField()))
    return [
        {
            "payload": payload(bytes(row["head"])),
            "source": row["source_kind"],
            "error": row["error"],
            "timestamp": rfc3339(row["received_at"], timespec="seconds"),
        }
        for row in rows.values("head", "source_kind", "error", "received_at")[:limit]
    ]


def payload(head: bytes) -> Any:
    """The JSON value when *head* is a whole one that can be written again, else the text, cut with an ellipsis."""
    try:
        value = orjson.loads(head)
        orjson.dumps(value)  # deeper than it writes, it still reads
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        text = head[:SHOWN_BYTES].decode(errors="replace")
        return f"{text}…" if len(head) > SHOWN_BYTES else text
    return value
