"""Schedules and people the way the product makes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from aiops.access.actors import SYSTEM, Role
from aiops.access.models import User, Workspace
from notifications.choices import RotationUnit
from notifications.models import Schedule
from notifications.oncall.services.schedules import LayerDraft, ScheduleDraft, create_schedule
from tests.api.conftest import key  # noqa: F401 (a fixture)
from tests.console.conftest import browser  # noqa: F401 (a fixture)
from tests.factories import NOW, make_user

MakeSchedule = Callable[..., Schedule]


def day_layer(*people: User, **fields: Any) -> LayerDraft:
    """A layer of days, handed over at 09:00 UTC; the first of *people* has the day of NOW."""
    defaults: dict[str, Any] = {
        "starts_at": NOW.replace(hour=9, minute=0),
        "unit": RotationUnit.DAY,
        "members": [user.pk for user in people],
    }
    return LayerDraft(**defaults | fields)


@pytest.fixture
def ana(workspace: Workspace) -> User:
    return make_user("ana", workspace, first_name="Ana")


@pytest.fixture
def bo(workspace: Workspace) -> User:
    return make_user("bo", workspace, first_name="Bo")


@pytest.fixture
def cy(workspace: Workspace) -> User:
    return make_user("cy", workspace, Role.VIEWER, first_name="Cy")


@pytest.fixture
def admin(workspace: Workspace) -> User:
    return make_user("admin", workspace, Role.ADMIN)


@pytest.fixture
def make(workspace: Workspace) -> MakeSchedule:
    """``make(ana, bo)``: days in turn, made a month ago. Drafts make layers of their own."""

    def schedule(*people: User, layers: Any = None, name: str = "Primary", **fields: Any) -> Schedule:
        draft = ScheduleDraft(name=name, layers=[day_layer(*people)] if layers is None else layers, **fields)
        made_at = NOW - timedelta(days=30)
        return create_schedule(actor=SYSTEM, workspace_id=workspace.pk, draft=draft, now=made_at)

    return schedule


def seen(client: Client, schedule: Schedule, sheet: dict[str, Any]) -> dict[str, Any]:
    """The sheet, once more, by somebody who has seen what it changes."""
    page = client.post(f"/console/oncall/{schedule.pk}/edit", sheet).content.decode()
    (seal,) = re.findall(r'name="seen" value="([0-9a-f]+)"', page)
    return {**sheet, "seen": seal}
