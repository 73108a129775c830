"""The core's tables, one module per aggregate."""

from __future__ import annotations

from incidents.models.alert import Alert
from incidents.models.bookkeeping import DeadLetter, NameBlock, PendingReaction, RecentResolve, SeenEvent, Trouble
from incidents.models.incident import Incident
from incidents.models.service import Service
from incidents.models.source import Source
from incidents.models.timeline import TimelineEntry

__all__ = [
    "Alert",
    "DeadLetter",
    "Incident",
    "NameBlock",
    "PendingReaction",
    "RecentResolve",
    "SeenEvent",
    "Service",
    "Source",
    "TimelineEntry",
    "Trouble",
]
