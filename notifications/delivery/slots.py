"""The places in messages that upper subjects fill (``aiops.kernel.slots``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from aiops.kernel.slots import Slot


class NextLoader(Protocol):
    """Says for each incident what comes if nobody acts, as a sentence for the reader of a page."""

    def __call__(self, incident_ids: Sequence[int], *, now: datetime) -> Mapping[int, str]: ...


# What comes next, in messages: one sentence, of the subject that was registered first.
NEXT: Slot[NextLoader, str] = Slot("message.next", lambda said: said[0])
