"""The state of paging from the database: the last sweep, the last proof, and what waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from notifications.escalation.selectors import overdue
from notifications.watch.models import PagingProof

LATE = timedelta(seconds=60)  # a look comes every few seconds, and a page is sent in the same moment
INTERVALS = 3  # between two proofs; what is older than so many proves nothing any more

# By PostgreSQL's clock on both sides: this process' own may be off.
_LOOKED = "SELECT clock_timestamp() - seen_at FROM notifications_sweepclock WHERE id = 1"


@dataclass(frozen=True, slots=True)
class Standing:
    """*stopped* says why nobody may rely on paging, *slow* why it is behind its promise; "" when neither is so."""

    proven_at: datetime | None
    stopped: str = ""
    slow: str = ""

    @property
    def ok(self) -> bool:
        return not self.stopped and not self.slow

    def words(self, now: datetime) -> str:
        """One line for people: ``Paging proven 1 min ago``, ``Paging is late: no test page has arrived for 20 min``."""
        if not self.ok:
            return f"Paging is late: {self.stopped or self.slow}"
        if not settings.AIOPS_PROOF_MINUTES:
            return "Paging is not being proven"
        if self.proven_at is None:
            return "Paging is not proven yet"
        minutes = int((now - self.proven_at).total_seconds()) // 60
        return f"Paging proven {minutes} min ago" if minutes > 0 else "Paging proven just now"


def standing(now: datetime, up: timedelta) -> Standing:
    """How paging stands at *now*. *up* is how long the caller has run: a start is given time to page and to prove it."""
    proof = PagingProof.objects.filter(proved_at__isnull=False).order_by("-proved_at").first()
    proven_at = proof.proved_at if proof else None
    return Standing(proven_at, _stopped(now, proven_at, up), _slow(now))


def _stopped(now: datetime, proven_at: datetime | None, up: timedelta) -> str:
    with connection.cursor() as cursor:
        cursor.execute(_LOOKED)
        row = cursor.fetchone()
    away = min(row[0], up) if row else up
    if away > LATE:
        return f"nobody has looked for due pages for {_spoken(row[0] if row else up)}"
    promise = INTERVALS * timedelta(minutes=settings.AIOPS_PROOF_MINUTES)
    if not promise or up <= promise or (proven_at is not None and now - proven_at <= promise):
        return ""
    since = f"for {_spoken(now - proven_at)}" if proven_at is not None else "yet"
    return f"no test page has arrived {since}"


def _slow(now: datetime) -> str:
    waited = max(overdue.oldest(now).values())
    if waited > LATE:
        return f"a page that is due has waited for {_spoken(waited)}"
    if settings.AIOPS_PROOF_MINUTES:
        last = PagingProof.objects.exclude(proved_at=None, failed_at=None).order_by("-pk").first()
        if last is not None and last.proved_at is None:
            return "the last test page did not arrive"
    return ""


def _spoken(length: timedelta) -> str:
    """``70 s``, ``5 min``, ``3 h``."""
    seconds = int(length.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 2 * 3600 else f"{seconds // 3600} h"
