"""Who hears of it when a policy has run out of people: the loud end of an escalation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from notifications.choices import Purpose, Rank, TargetKind, Urgency
from notifications.definition import Definition, Target
from notifications.intents import Intent
from notifications.services.targets import Book, Reach


def reach(definition: Definition, workspace_id: int, now: datetime) -> Reach:
    """The policy's fallback destinations; where it has none that works, the admins of the workspace, by whatever reaches them."""
    named = [Target(TargetKind.CHANNEL, pk) for pk in definition.fallback]
    found = Book(named, now).reach(named, workspace_id, Urgency.HIGH)
    if found.calls:
        return found
    admins = [Target(TargetKind.ADMINS, workspace_id)]
    last = Book(admins, now).reach(admins, workspace_id, Urgency.HIGH)
    last.missed = [*found.missed, *last.missed]
    return last


def intents(about: Mapping[str, Any], reached: Reach, round: int, now: datetime) -> list[Intent]:
    """The messages that say so to those *reached*; *about* are the fields that every intent of the run carries."""
    return [
        Intent(
            **about,
            purpose=Purpose.FALLBACK,
            round=round,
            destination_id=call.destination_id,
            kind=call.kind,
            recipient_id=call.user_id,
            urgency=Urgency.HIGH,
            rank=Rank.FIRST_PAGE,
            due_at=now,
        )
        for call in reached.calls
    ]
