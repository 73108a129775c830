"""Rows that answers are about."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiops.access.models import User, Workspace
from aiops.kernel import secrets
from incidents.models import Incident
from notifications.choices import ChannelKind, DeliveryState, Purpose
from notifications.models import Delivery, Destination, Provider
from tests.factories import NOW


def make_destination(
    kind: ChannelKind, address: str, *, owner: User | None = None, workspace: Workspace | None = None, **fields: Any
) -> Destination:
    """A proven destination: a person's own, or shared."""
    return Destination.objects.create(
        **{
            "kind": kind,
            "label": address,
            "owner": owner,
            "workspace": workspace,
            "address_sealed": secrets.seal(address),
            "address_digest": secrets.digest(address),
            "verified_at": NOW,
            **fields,
        }
    )


def make_provider(workspace: Workspace, kind: ChannelKind, **settings: Any) -> Provider:
    """A provider account with its settings and a hook key of its own."""
    import orjson

    key = secrets.make_key()
    return Provider.objects.create(
        workspace=workspace,
        kind=kind,
        name=str(kind),
        settings_sealed=secrets.seal(orjson.dumps(settings).decode()),
        hook_digest=secrets.digest(key),
        hook_sealed=secrets.seal(key),
    )


def make_delivery(
    incident: Incident | None,
    destination: Destination,
    *,
    recipient: User | None = None,
    at: datetime = NOW,
    **fields: Any,
) -> Delivery:
    """A page that was sent."""
    return Delivery.objects.create(
        **{
            "workspace": incident.workspace if incident else destination.workspace,
            "incident": incident,
            "episode": incident.episode if incident else 0,
            "step": 0,
            "purpose": Purpose.PAGE,
            "recipient": recipient,
            "destination": destination,
            "kind": destination.kind,
            "state": DeliveryState.SENT,
            "due_at": at,
            "created_at": at,
            "sent_at": at,
            **fields,
        }
    )
