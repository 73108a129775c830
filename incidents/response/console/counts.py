"""Figures on open pages, by the ``data-count`` attribute under which a page shows them."""

from __future__ import annotations

from aiops.access.actors import Actor
from aiops.kernel.clock import utcnow
from incidents.choices import LIVE, Severity
from incidents.core import counting

Counts = dict[str, int]


def read_counts(actor: Actor, max_age: float) -> Counts:
    """The figures that pages show, where there are many up to *max_age* seconds old. One query at most."""
    figures = counting.figures(actor, utcnow(), max_age=max_age)
    counts = {
        "live": figures.live,
        "need_someone": figures.need_someone,
        "snoozed": figures.snoozed,
    }
    counts.update({status.value: figures.by_status.get(status, 0) for status in LIVE})
    counts.update({severity.word: figures.by_severity.get(severity, 0) for severity in Severity})
    return counts
