"""The e-mail of a person's account as a destination, made when a message first needs it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from aiops.access.models import User
from aiops.kernel import secrets
from notifications.choices import ChannelKind
from notifications.delivery.intents import Intent
from notifications.delivery.models import Destination


def account_mailboxes(user_ids: Collection[int], now: datetime) -> dict[int, int]:
    """The e-mail destinations of these people's accounts by person, made where there is none yet."""
    users = [user for user in User.objects.filter(pk__in=user_ids) if user.email]
    rows = [
        Destination(
            owner=user,
            kind=ChannelKind.EMAIL,
            label=user.email,
            address_sealed=secrets.seal(user.email),
            address_digest=secrets.digest(user.email),
            verified_at=now,
        )
        for user in users
    ]
    Destination.objects.bulk_create(rows, ignore_conflicts=True)
    digests = [row.address_digest for row in rows]
    found = Destination.objects.filter(owner__in=users, kind=ChannelKind.EMAIL, address_digest__in=digests)
    return {row.owner_id: row.pk for row in found if row.owner_id is not None}


def addressed(intents: Sequence[Intent], now: datetime) -> list[Intent]:
    """*intents*, of which those for the account's e-mail have the destination that stands for it."""
    missing = {it.recipient_id for it in intents if it.destination_id is None and not it.suppressed}
    boxes = account_mailboxes({pk for pk in missing if pk is not None}, now) if missing else {}
    return [
        replace(it, destination_id=boxes.get(it.recipient_id or 0))
        if it.destination_id is None and not it.suppressed
        else it
        for it in intents
    ]
