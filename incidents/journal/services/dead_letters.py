"""Dead letters: a request that could not be read is stored with its body and the reason, for a limited time.

Secrets in the body are hidden before it is stored: no parser knows what the body holds, and people will read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiops.kernel.redaction import redact
from incidents.choices import SourceKind
from incidents.contracts import Arrival
from incidents.journal.models import DeadLetter
from incidents.upkeep.services import upkeep

KEPT = timedelta(days=30)
MOST = 10_000  # of one workspace; a sender that talks nonsense all day must not fill the disk


@dataclass(frozen=True, slots=True)
class Letter:
    """A body, whose it is, and what was wrong with it."""

    workspace_id: int
    source_id: int
    source_kind: SourceKind
    received_at: datetime
    content_type: str
    error: str
    field: str
    raw: bytes

    @classmethod
    def of_arrivals(cls, arrivals: Sequence[Arrival], error: str) -> Letter:
        """The letter for signals that were read but could not be stored."""
        first = arrivals[0]
        raw = b"\n".join(arrival.signal.raw for arrival in arrivals)
        route = first.route
        return cls(
            route.workspace_id,
            route.source_id,
            route.source_kind,
            first.received_at,
            "application/json",
            error,
            "",
            raw,
        )


def keep(letter: Letter) -> DeadLetter:
    """Store *letter*."""
    return DeadLetter.objects.create(
        workspace_id=letter.workspace_id,
        source_id=letter.source_id,
        source_kind=letter.source_kind,
        received_at=letter.received_at,
        content_type=letter.content_type[:200],
        error=letter.error.replace("\0", ""),
        field=letter.field.replace("\0", "")[:200],
        raw=redact(letter.raw),
    )


def forget_old(now: datetime) -> int:
    """Drop letters older than 30 days, and the oldest of a workspace that has more than 10,000; returns how many."""
    dropped = [DeadLetter.objects.filter(received_at__lt=now - KEPT).delete()[0]]
    workspaces = DeadLetter.objects.order_by().values_list("workspace_id", flat=True).distinct()
    upkeep.each(
        list(workspaces),
        lambda workspace_id: dropped.append(_forget_most(workspace_id)),
        of=lambda workspace_id: upkeep.Subject(
            f"dead letters:{workspace_id}", "The clearing of old dead letters", workspace_id
        ),
        now=now,
    )
    return sum(dropped)


def _forget_most(workspace_id: int) -> int:
    letters = DeadLetter.objects.filter(workspace_id=workspace_id).order_by("-received_at", "-pk")
    last_kept = letters[MOST - 1 : MOST].first()
    return letters.filter(received_at__lt=last_kept.received_at).delete()[0] if last_kept is not None else 0
