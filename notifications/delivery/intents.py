"""Intents: messages that were decided on, as values that become ``Delivery`` rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from notifications.choices import ChannelKind, Purpose, Rank, Urgency

NO_STEP = -1
ACKNOWLEDGED = -2  # the step of the word that somebody has it, so that the word that it is over still goes
CHANGED = -3  # … and of the silent change of a message that says that it is over, before somebody may be told


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Who shall be told what, where, and when. A *suppressed* one is recorded with its reason and never sent.

    *destination_id* None with a *suppressed* reason says that somebody could not be reached at all.
    """

    workspace_id: int
    purpose: Purpose
    due_at: datetime
    destination_id: int | None = None
    kind: ChannelKind = ChannelKind.LOG
    recipient_id: int | None = None
    incident_id: int | None = None
    episode: int = 0
    round: int = 0
    step: int = NO_STEP
    urgency: Urgency = Urgency.HIGH
    rank: Rank = Rank.PAGE
    data: Mapping[str, Any] = field(default_factory=dict)
    suppressed: str = ""
