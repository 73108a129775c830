"""The core's tables, one module per aggregate."""

from __future__ import annotations

from incidents.models.alert import Alert
from incidents.models.arrivals import RecentResolve, SeenEvent
from incidents.models.bookkeeping import NameBlock, PendingReaction
from incidents.models.dead_letter import DeadLetter
from incidents.models.incident import Incident
from incidents.models.service import Service
from incidents.models.source import Source
from incidents.models.timeline import TimelineEntry
from incidents.models.trouble import Trouble

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
