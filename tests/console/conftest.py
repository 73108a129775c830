"""People at their browsers, in the workspace of the test."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from django.test import Client

from aiops.access.actors import Role
from aiops.access.models import User, Workspace
from aiops.kernel.clock import utcnow
from incidents.models import Incident
from tests.factories import fire, make_route, make_user, make_workspace

HX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _own_pages(settings) -> Iterator[None]:
    """Nobody else's pages are needed here."""
    settings.AIOPS_PUBLIC_URL = ""
    yield


@pytest.fixture
def now() -> datetime:
    """Pages read the clock themselves, so what they show is made relative to it."""
    return utcnow()


@pytest.fixture
def ana(workspace: Workspace) -> User:
    return make_user("ana", workspace, Role.OPERATOR, first_name="Ana", last_name="Moreau")


@pytest.fixture
def viewer(workspace: Workspace) -> User:
    return make_user("viv", workspace, Role.VIEWER)


@pytest.fixture
def stranger(db: None) -> User:
    """Operator of another workspace."""
    return make_user("stranger", make_workspace(), Role.OPERATOR)


@pytest.fixture
def browser() -> Callable[[User], Client]:
    """A browser in which somebody is signed in."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return signed_in


@pytest.fixture
def opened(workspace: Workspace, now: datetime) -> Callable[..., Incident]:
    """An incident of the workspace, opened now (or ``at``) by a signal."""

    def open_one(title: str = "High CPU on payments-api", at: datetime | None = None, **signal) -> Incident:
        outcome = fire(make_route(workspace), at or now, title=title, **signal)
        return Incident.objects.get(pk=outcome.incident_id)

    return open_one


def page_of(incident: Incident) -> str:
    return f"/console/incidents/{incident.public_id}"


def element(html: str, identifier: str) -> str:
    """The markup of the element with this id."""
    start = re.search(rf'<(\w+)[^>]*\bid="{identifier}"', html)
    assert start, f"no element #{identifier}"
    depth = 0
    for tag in re.finditer(rf"<(/?){start[1]}\b", html[start.start() :]):
        depth += -1 if tag[1] else 1
        if depth == 0:
            return html[start.start() : start.start() + tag.end()]
    raise AssertionError(f"#{identifier} never ends")


def without_tokens(html: str) -> str:
    """*html* without the CSRF tokens, which differ each time."""
    return re.sub(r"<input[^>]*csrfmiddlewaretoken[^>]*>", "", html)
