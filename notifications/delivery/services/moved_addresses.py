"""Addresses that a provider has replaced, such as the number of a Telegram group that became a supergroup."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models import Q

from aiops.kernel import secrets
from notifications.choices import ChannelKind
from notifications.delivery.models import Destination


def moved(destination_id: int, address: str) -> None:
    """Keep *address* as the destination's. Where another one has it already, it stays as it is, and is followed each time."""
    _move(Destination.objects.filter(pk=destination_id), address)


def moved_from(*, kind: ChannelKind, workspace_id: int, before: str, address: str) -> None:
    """The same for the destinations of a workspace, and of its members, whose address was *before*."""
    whose = Q(workspace=workspace_id) | Q(owner__memberships__workspace=workspace_id)
    _move(Destination.objects.filter(whose, kind=kind, address_digest__in=secrets.digests(before)).distinct(), address)


def _move(rows: Iterable[Destination], address: str) -> None:
    for row in rows:
        if row.label == row.address:
            row.label = address
        row.address_sealed, row.address_digest = secrets.seal(address), secrets.digest(address)
        row.broken_at, row.broken_reason = None, ""
        try:
            with transaction.atomic():
                row.save(update_fields=["label", "address_sealed", "address_digest", "broken_at", "broken_reason"])
        except IntegrityError:
            continue
