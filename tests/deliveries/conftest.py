"""A shared webhook at a real receiver, an incident to page about, and what sends to it at an instant of the test's choosing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from aiops.access.actors import SYSTEM
from aiops.access.models import User, Workspace
from aiops.kernel import secrets
from incidents.models import Incident
from notifications.choices import ChannelKind, Purpose, Rank
from notifications.delivery.intents import Intent
from notifications.delivery.services import deliveries, destinations
from notifications.models import Delivery, Destination
from tests.factories import NOW, make_incident
from tests.receivers import HttpReceiver, Receivers, receivers  # noqa: F401 - a fixture
from tests.sweeps import send_due

Page = Callable[..., Delivery]


@pytest.fixture(autouse=True)
def _outbound(settings: Settings) -> None:
    settings.AIOPS_OUTBOUND_ALLOW = ["127.0.0.1"]
    settings.AIOPS_PUBLIC_URL = "https://aiops.example.com"


@pytest.fixture
def incident(workspace: Workspace) -> Incident:
    return make_incident(workspace)


@pytest.fixture
def receiver(receivers: Receivers) -> HttpReceiver:  # noqa: F811
    return receivers.webhook


@pytest.fixture
def hook(workspace: Workspace, receiver: HttpReceiver) -> Destination:
    """A shared webhook destination at the receiver."""
    return destinations.create_destination(
        actor=SYSTEM, workspace=workspace, kind=ChannelKind.WEBHOOK, address=f"{receiver.url}/hook", now=NOW
    )


@pytest.fixture
def teams(workspace: Workspace, receivers: Receivers) -> Destination:  # noqa: F811
    """A destination that people read, so that it is throttled and bundled."""
    return make_destination(workspace=workspace, kind=ChannelKind.TEAMS, address=f"{receivers.teams.url}/teams")


@pytest.fixture
def page() -> Page:
    """Write a page down: ``page(incident, destination, …fields of the intent)``."""

    def write(incident: Incident, destination: Destination, **fields: Any) -> Delivery:
        values: dict[str, Any] = {
            "workspace_id": incident.workspace_id,
            "incident_id": incident.pk,
            "purpose": Purpose.PAGE,
            "step": 0,
            "destination_id": destination.pk,
            "kind": ChannelKind(destination.kind),
            "rank": Rank.FIRST_PAGE,
            "due_at": NOW,
        }
        deliveries.intend([Intent(**{**values, **fields})], NOW)
        return Delivery.objects.order_by("-pk")[0]

    return write


def make_destination(
    *, kind: ChannelKind, address: str, workspace: Workspace | None = None, owner: User | None = None, label: str = ""
) -> Destination:
    return Destination.objects.create(
        workspace=workspace,
        owner=owner,
        kind=kind,
        label=label or address,
        address_sealed=secrets.seal(address),
        address_digest=secrets.digest(address),
        verified_at=NOW,
    )


def send(at: datetime = NOW) -> int:
    """Send what is due at an instant; the clock stands still meanwhile."""
    return send_due(at)


def seconds(n: float) -> timedelta:
    return timedelta(seconds=n)
