"""State words of the dialects: one table gives the word of an incident and the filter of that word.

A table is a tuple of rows ``(fact, word)``; the first row that fits counts. :func:`word_of` renders the word,
:func:`words_to_q` the filter. Both read the same rows in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from django.db.models import Q

from incidents.choices import ENDED, Automation, Status


class Stateful(Protocol):
    """What a state follows from: an incident (which alone knows of automation), or the outcome of a signal."""

    status: Any
    suppressed_by: Any
    snoozed_until: Any
    escalated_at: Any


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is true of an incident at an instant: as a test of one, and as a condition on rows."""

    holds: Callable[[Any, datetime], bool]
    q: Callable[[datetime], Q]


Table = tuple[tuple[Fact, str], ...]


def _status(*statuses: Status) -> Fact:
    return Fact(lambda incident, now: incident.status in statuses, lambda now: Q(status__in=statuses))


def automation(stage: Automation) -> Fact:
    """How far automatic repair has come."""
    return Fact(lambda incident, now: incident.automation == stage, lambda now: Q(automation=stage))


ENDED_FACT = _status(*ENDED)
TAKEN = _status(Status.ACKNOWLEDGED, Status.INVESTIGATING)
SUPPRESSED = Fact(lambda incident, now: incident.suppressed_by is not None, lambda now: Q(suppressed_by__isnull=False))
SNOOZED = Fact(
    lambda incident, now: incident.snoozed_until is not None and incident.snoozed_until > now,
    lambda now: Q(snoozed_until__gt=now),
)
ESCALATED = Fact(lambda incident, now: incident.escalated_at is not None, lambda now: Q(escalated_at__isnull=False))
ANY = Fact(lambda incident, now: True, lambda now: Q())


def word_of(table: Table, incident: Stateful, now: datetime) -> str:
    """The word of the first row that holds. Every table ends with ``ANY``."""
    return next(word for fact, word in table if fact.holds(incident, now))


def words_to_q(table: Table) -> dict[str, Callable[[datetime], Q]]:
    """For each word of *table* the incidents that have it, as ``filters.WordFilter`` takes them."""
    return {word: partial(_having, table, word) for _, word in table}


def _having(table: Table, wanted: str, now: datetime) -> Q:
    found, earlier = Q(pk__in=()), Q(pk__in=())
    for fact, word in table:
        if word == wanted:
            found |= fact.q(now) & ~earlier
        earlier |= fact.q(now)
    return found
