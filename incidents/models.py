"""The tables of all subjects of the app, where Django looks for them."""

from __future__ import annotations

from incidents.catalogue.models.service import Service
from incidents.catalogue.models.source import Source
from incidents.core.models.alert import Alert
from incidents.core.models.bookkeeping import NameBlock, PendingReaction
from incidents.core.models.incident import Incident
from incidents.core.models.timeline import TimelineEntry
from incidents.ingest.models import RecentResolve, SeenEvent
from incidents.journal.models import DeadLetter
from incidents.upkeep.models import Trouble

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
