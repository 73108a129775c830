"""Foreign calendars: fetched through the outbound guard and parsed in a process of their own, one at a time.

Nothing is locked and no connection is held meanwhile. Any failure is a ``DomainError`` that the calendar's owner can
read.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime

import httpx
from django.db import connection

from aiops.kernel import bounded, http
from aiops.kernel.errors import InvalidInput, Overloaded
from notifications.oncall import reading
from notifications.oncall.ical import Event
from notifications.oncall.reading.lines import LARGEST

WAIT = 10.0  # seconds for the calendar of somebody else
REDIRECTS = 5
NAMED = 3  # odd events that are named

_one = threading.Lock()


@dataclass(frozen=True, slots=True)
class UnreadableEvent:
    """An event that could not be read, and why. *uid*: what it is known by."""

    uid: str
    summary: str
    why: str


@dataclass(frozen=True, slots=True)
class Read:
    """What a calendar holds from now on, and what of it could not be read: some by name, all by number."""

    events: list[Event]
    odd: list[UnreadableEvent]
    odd_count: int = 0

    @property
    def complaint(self) -> str:
        """What was left out, as a sentence; "" for nothing."""
        if not self.odd_count:
            return ""
        named = "; ".join(f"{_named(one)}: {one.why}" for one in self.odd[:NAMED])
        more = f"; and {self.odd_count - NAMED} more" if self.odd_count > NAMED else ""
        left = "One event was" if self.odd_count == 1 else f"{self.odd_count} events were"
        return f"{left} left out ({named}{more})"


def read(data: bytes, zone: str, start: datetime, end: datetime) -> Read:
    """The events between *start* and *end*. Raises ``InvalidInput`` (field ``calendar``), ``Overloaded``."""
    if len(data) > LARGEST:
        raise InvalidInput(f"The calendar is too large: at most {LARGEST // 2**20} MiB", field="calendar")
    if not connection.in_atomic_block:
        connection.close()  # back to the pool: reading may take seconds
    if not _one.acquire(timeout=WAIT):
        raise Overloaded("Another calendar is being read just now; try again in a minute", data={"retry_after": 60})
    try:
        found = bounded.run(reading.read, data, zone=zone, start=start.isoformat(), end=end.isoformat())
    except bounded.Exhausted as error:
        raise InvalidInput(f"The calendar is too much to read. {error.message}", field="calendar") from None
    except bounded.Failed as error:
        raise InvalidInput("This is no iCalendar that can be read", details=error.details, field="calendar") from None
    finally:
        _one.release()
    events = [Event.of_json(one) for one in found["events"]]
    return Read(events, [UnreadableEvent(**one) for one in found["odd"]], found["odd_count"])


def fetch(url: str) -> bytes:
    """The bytes at *url*."""
    try:
        return http.fetch(url, largest=LARGEST, redirects=REDIRECTS)
    except httpx.HTTPStatusError as error:
        raise InvalidInput(f"The calendar's server answered {error.response.status_code}", field="import_url") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        what = type(error).__name__  # never its text: that may hold the address, which is a secret
        raise InvalidInput(f"The calendar could not be fetched ({what})", field="import_url") from None


def _named(one: UnreadableEvent) -> str:
    return f"“{one.summary or one.uid[:60] or 'without a name'}”"
