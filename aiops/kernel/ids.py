"""Identifiers of rows."""

from __future__ import annotations

import os
import random
import uuid
from datetime import datetime

# Unique, not secret; a system call per id would give the interpreter lock away.
_random = random.Random(int.from_bytes(os.urandom(32), "big"))  # noqa: S311


def uuid7(now: datetime) -> uuid.UUID:
    """A UUID version 7: by time first, so that rows of one moment lie together (RFC 9562)."""
    milliseconds = int(now.timestamp() * 1000)
    rand = _random.getrandbits(80)
    return uuid.UUID(
        int=milliseconds << 80 | 0x7 << 76 | (rand >> 68 & 0xFFF) << 64 | 0b10 << 62 | rand & 0x3FFF_FFFF_FFFF_FFFF
    )
