"""Tables of the incident core."""

from __future__ import annotations

from incidents.core.models.alert import Alert
from incidents.core.models.bookkeeping import NameBlock, PendingReaction
from incidents.core.models.incident import Incident
from incidents.core.models.timeline import TimelineEntry

__all__ = ["Alert", "Incident", "NameBlock", "PendingReaction", "TimelineEntry"]
