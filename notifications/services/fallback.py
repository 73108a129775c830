"""Who hears of it when a policy has run out of people: the loud end of an escalation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from notifications.choices import Purpose, Rank, TargetKind, Urgency
from notifications.definition import Definition, Target
from notifications.intents import Intent
from notifications.services.targets import Book, Reach


def reach(definition: Definition | None, workspace_id: int, urgency: Urgency, now: datetime) -> Reach:
    """The policy's fallback destinations; where it has none that works, the admins of the workspace, by whatever reaches them.

    What is urgent goes everywhere at once. What is not keeps to their rules, and waits for the end of their quiet hours.
    """
    named = [Target(TargetKind.CHANNEL, pk) for pk in (definition.fallback if definition is not None else ())]
    found = Book(named, now).reach(named, workspace_id, urgency)
    if not found.calls:
        admins = [Target(TargetKind.ADMINS, workspace_id)]
        last = Book(admins, now).reach(admins, workspace_id, urgency)
        found = replace(last, missed=[*found.missed, *last.missed])
    if urgency == Urgency.HIGH:
        found.calls = [replace(call, at=now) for call in found.calls]
    return found


def intents(
    about: Mapping[str, Any], reached: Reach, urgency: Urgency, reason: str, round: int, now: datetime
) -> list[Intent]:
    """The messages to those *reached*, which say for what *reason* the policy has run out; *about* are the fields that every
    intent of the run carries. Where nobody is reached, one that says so and is never sent."""
    common = {**about, "purpose": Purpose.FALLBACK, "round": round, "urgency": urgency, "data": {"reason": reason}}
    if not reached.calls:
        return [Intent(**common, due_at=now, suppressed="; ".join(["nobody is left to tell", *reached.missed]))]
    return [
        Intent(
            **common,
            destination_id=call.destination_id,
            kind=call.kind,
            recipient_id=call.user_id,
            rank=Rank.FIRST_PAGE if urgency == Urgency.HIGH else Rank.PAGE,
            due_at=call.at,
        )
        for call in reached.calls
    ]
