"""Callers of the APIs: integrations with keys, people with sessions or tokens."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from aiops.access import keyring
from aiops.access.actors import SYSTEM, Role
from aiops.access.models import User, Workspace
from aiops.access.services.keys import create_key
from aiops.kernel.clock import utcnow


class Answer:
    """Status, headers and JSON of a response."""

    def __init__(self, response: Any) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.body = json.loads(response.content) if response.content else None

    def __repr__(self) -> str:
        return f"{self.status} {self.body}"


class Caller:
    """Somebody who calls the API with the same headers each time."""

    def __init__(self, client: Client | None = None, **headers: str) -> None:
        self.client = client or Client()
        self.headers = headers

    def get(self, path: str, **headers: str) -> Answer:
        return Answer(self.client.get(path, headers={**self.headers, **headers}))

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.send("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.send("PATCH", path, body, **headers)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """*body* as JSON; bytes go out as they are, None as nothing."""
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return Answer(
            self.client.generic(method, path, raw, content_type="application/json", headers={**self.headers, **headers})
        )


MakeKey = Callable[..., Caller]


@pytest.fixture
def key(workspace: Workspace) -> MakeKey:
    """Makes a key and gives its caller: ``key()``, ``key(Role.VIEWER)``, ``key(workspace=None)`` for all workspaces."""

    def make(role: Role = Role.OPERATOR, *, workspace: Workspace | None = workspace, name: str = "") -> Caller:
        _, raw = create_key(actor=SYSTEM, name=name or role.word, workspace=workspace, role=role, now=utcnow())
        keyring.forget()
        return Caller(**{"X-API-Key": raw})

    return make


@pytest.fixture
def operator(key: MakeKey) -> Caller:
    """An integration that may work in the workspace."""
    return key()


def signed_in(user: User) -> Caller:
    """A person with a session, as the browser's scripts call: with the CSRF token."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    token = "a" * 32
    client.cookies["csrftoken"] = token
    return Caller(client, **{"X-CSRFToken": token})
