"""Commands to the Telegram bot."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from django.test import Client

from aiops.access.models import User, Workspace
from incidents.models import Incident
from incidents.services import incidents
from notifications.choices import ChannelKind
from tests.factories import actor
from tests.responding.conftest import LATER
from tests.responding.making import make_destination, make_provider

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def path(workspace: Workspace, ana: User) -> str:
    make_destination(ChannelKind.TELEGRAM, "4711", owner=ana)
    return f"/hooks/telegram/{make_provider(workspace, ChannelKind.TELEGRAM, token='1:x').hook_key}"


def write(client: Client, path: str, text: Any, *, chat: Any = 4711, kind: str = "private", number: int = 1) -> Any:
    update = {"update_id": number, "message": {"chat": {"id": chat, "type": kind}, "text": text}}
    response = client.post(path, orjson.dumps(update), "application/json")
    assert response.status_code == 200
    return orjson.loads(response.content) if response.content else None


def test_commands(client: Client, path: str, incident: Incident) -> None:
    assert write(client, path, f"/ack {incident.name}") == {
        "method": "sendMessage",
        "chat_id": 4711,
        "text": f"{incident.name} acknowledged.",
    }
    incidents.unacknowledge(actor=actor(incident.workspace), incident_id=incident.pk, now=LATER)
    assert write(client, path, f"/ack {incident.name}") is None  # the same update again
    incident.refresh_from_db()
    assert incident.status == "open"
    assert "ack all" in write(client, path, "/help", number=2)["text"]


def test_strangers_and_groups(client: Client, path: str, incident: Incident) -> None:
    assert "99" in write(client, path, f"ack {incident.name}", chat=99)["text"]
    assert write(client, path, f"ack {incident.name}", kind="group", number=3) is None
    incident.refresh_from_db()
    assert incident.status == "open"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b'{"message": 7}', b'{"message": {"chat": {"id": "x"}, "text": {}}}']
)
def test_nothing_is_a_500(client: Client, path: str, body: bytes) -> None:
    assert client.post(path, body, "application/json").status_code in (200, 400)
