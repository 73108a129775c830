"""People at their browsers, in a workspace that pages; pages read the clock themselves, so the world begins now."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from aiops.access.actors import SYSTEM, Actor, Role
from aiops.access.models import User, Workspace
from aiops.access.people import actor_for_user
from aiops.kernel.clock import utcnow
from notifications.choices import ChannelKind
from notifications.delivery.services import destinations
from notifications.models import Destination
from tests.console.conftest import HX, browser, element, page_of, without_tokens  # noqa: F401 (fixtures and helpers)
from tests.factories import make_user, make_workspace
from tests.receivers import Receivers
from tests.world import World

HOSTILE = "</pre></script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7|add:7 }}"


@pytest.fixture
def world(db: None, receivers: Receivers, settings) -> World:
    """A workspace at this moment."""
    settings.AIOPS_OUTBOUND_ALLOW = ["127.0.0.1"]
    world = World(receivers)
    world.now = utcnow()
    return world


@pytest.fixture
def workspace(world: World) -> Workspace:
    return world.workspace


@pytest.fixture
def ana(world: World) -> User:
    """Operator."""
    return world.person("ana")


@pytest.fixture
def mia(world: World) -> User:
    """Admin."""
    return world.person("mia", role=Role.ADMIN)


@pytest.fixture
def viv(world: World) -> User:
    """Viewer."""
    return world.person("viv", role=Role.VIEWER, phone=False)


@pytest.fixture
def stranger(db: None) -> User:
    """Admin of another workspace."""
    return make_user("stranger", make_workspace("Globex"), Role.ADMIN)


@pytest.fixture
def hook(world: World) -> Destination:
    """A shared webhook that takes everything."""
    return make_shared(world, "Status page", address=world.receivers.webhook.url)


def make_shared(
    world: World, label: str, *, kind: ChannelKind = ChannelKind.WEBHOOK, address: str = "https://example.com/hook"
) -> Destination:
    return destinations.create_destination(
        actor=SYSTEM, kind=kind, address=address, label=label, workspace=world.workspace, now=world.now
    )


def acting(user: User) -> Actor:
    return actor_for_user(user)


Browser = Callable[[User], Client]
