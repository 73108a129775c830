"""Notices: messages to people about their own destinations, shifts and swaps, written in the caller's transaction.

A notice's ``data`` holds ``subject``, ``text`` (plain, complete) and ``url`` (where to reply).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from zoneinfo import ZoneInfo

from django.urls import reverse

from aiops.access.models import User
from aiops.kernel import site
from notifications.choices import Purpose, Rank, TargetKind, Urgency
from notifications.delivery.intents import Intent
from notifications.delivery.selectors.recipients import RecipientResolver
from notifications.delivery.services import deliveries
from notifications.delivery.services.mailboxes import account_mailboxes
from notifications.delivery.target import Target
from notifications.oncall.models import ShiftSwap


def swap_asked(swap: ShiftSwap, user_ids: Collection[int], now: datetime) -> None:
    """Somebody would like one of these people to take a shift."""
    for user in User.objects.filter(pk__in=user_ids):
        subject = f"{swap.requester.display_name} asks: can you take {swap.schedule.name}?"
        note = f"\n{swap.note}" if swap.note else ""
        _tell(swap, user, subject, f"{_span(swap, user)}{note}\nWhoever accepts first has it.", now)


def swap_accepted(swap: ShiftSwap, by: str, now: datetime) -> None:
    """Who asked hears that the shift has changed hands."""
    _tell(swap, swap.requester, f"{by} takes {swap.schedule.name} for you", _span(swap, swap.requester), now)


def swap_declined(swap: ShiftSwap, by: str, now: datetime) -> None:
    """Who asked hears that the shift is still theirs."""
    text = f"{_span(swap, swap.requester)}\nThe shift is still yours."
    _tell(swap, swap.requester, f"{by} can't take {swap.schedule.name}", text, now)


def notify(*, workspace_id: int, user_ids: Collection[int], subject: str, text: str, url: str, now: datetime) -> int:
    """Tell people something; returns how many messages that is. Those without any destination are not told."""
    targets = [Target(TargetKind.USER, user_id) for user_id in user_ids]
    calls = RecipientResolver(targets, now).recipients(targets, workspace_id, Urgency.LOW).calls
    mailboxes = account_mailboxes({call.user_id for call in calls if call.destination_id is None and call.user_id}, now)
    return deliveries.intend(
        [
            Intent(
                workspace_id=workspace_id,
                purpose=Purpose.OWNER_NOTICE,
                destination_id=call.destination_id or mailboxes.get(call.user_id or 0),
                kind=call.kind,
                recipient_id=call.user_id,
                urgency=Urgency.LOW,
                rank=Rank.ANNOUNCEMENT,
                due_at=call.at,
                data={"subject": subject, "text": text, "url": url},
            )
            for call in calls
        ],
        now,
    )


def _tell(swap: ShiftSwap, user: User, subject: str, text: str, now: datetime) -> None:
    url = site.url(reverse("console-oncall-swap", args=[swap.pk]))
    notify(workspace_id=swap.schedule.workspace_id, user_ids=[user.pk], subject=subject, text=text, url=url, now=now)


def _span(swap: ShiftSwap, reader: User) -> str:
    """From when until when, on the reader's clock."""
    zone = ZoneInfo(reader.time_zone)
    begins, ends = (at.astimezone(zone) for at in (swap.starts_at, swap.ends_at))
    return f"{begins:%a %-d %b %H:%M} to {ends:%a %-d %b %H:%M} ({zone.key})"
