"""Commands to the Telegram bot."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from django.test import Client

from aiops.access.models import User, Workspace
from incidents.models import Incident
from incidents.response.services import incidents
from notifications.choices import ChannelKind
from tests.factories import actor, make_incident
from tests.responding.conftest import LATER
from tests.responding.making import make_delivery, make_destination, make_provider

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
        "text": f"{incident.name} acknowledged.\nYou have it: nobody else is called.",
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


def test_an_answer_to_a_message_means_what_it_told_of(client: Client, path: str, incident: Incident, ana: User) -> None:
    chat = ana.destinations.get()
    others = [make_incident(incident.workspace) for _ in range(2)]
    first = make_delivery(incident, chat, recipient=ana, provider_ref="77")
    for other in others:
        make_delivery(other, chat, recipient=ana, provider_ref="77", digest=first)
    not_told = make_delivery(make_incident(incident.workspace), chat, recipient=ana, provider_ref="78")
    update = {
        "update_id": 5,
        "message": {"chat": {"id": 4711, "type": "private"}, "text": "Got it", "reply_to_message": {"message_id": 77}},
    }
    said = orjson.loads(client.post(path, orjson.dumps(update), "application/json").content)["text"]
    assert said.startswith("Acknowledged 3: ")
    for each in (incident, *others, not_told.incident):
        each.refresh_from_db()
    assert [each.status for each in (incident, *others)] == ["acknowledged"] * 3
    assert not_told.incident.status == "open"


def test_what_has_no_effect_is_told(client: Client, path: str, incident: Incident) -> None:
    def posted(number: int, **update: Any) -> str:
        body = orjson.dumps({"update_id": number, **update})
        response = client.post(path, body, "application/json")
        return orjson.loads(response.content)["text"] if response.content else ""

    mine = {"chat": {"id": 4711, "type": "private"}}
    assert posted(20, edited_message=mine | {"text": f"ack {incident.name}"}).startswith("Nothing was done")
    assert posted(21, message=mine | {"sticker": {"emoji": "👍"}}).startswith("Nothing was done")
    assert posted(22, message=mine | {"voice": {}}).startswith("Nothing was done")
    assert posted(23, message=mine | {"pinned_message": {}}) == ""
    incident.refresh_from_db()
    assert incident.status == "open"
    assert "acknowledged" in posted(24, message=mine | {"photo": [], "caption": f"ack {incident.name}"})


def test_an_account_with_a_secret_believes_only_posts_that_bring_it(
    client: Client, workspace: Workspace, incident: Incident, ana: User
) -> None:
    make_destination(ChannelKind.TELEGRAM, "4711", owner=ana)
    secret = "s3cret_token-of-ours"
    account = make_provider(workspace, ChannelKind.TELEGRAM, token="1:x", webhook_secret=secret)
    guarded = f"/hooks/telegram/{account.hook_key}"
    update = orjson.dumps(
        {"update_id": 9, "message": {"chat": {"id": 4711, "type": "private"}, "text": f"ack {incident.name}"}}
    )
    for headers in ({}, {"X-Telegram-Bot-Api-Secret-Token": "other"}, {"X-Telegram-Bot-Api-Secret-Token": "é"}):
        assert client.post(guarded, update, "application/json", headers=headers).status_code == 403
    incident.refresh_from_db()
    assert incident.status == "open"
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret}
    assert "acknowledged" in client.post(guarded, update, "application/json", headers=headers).content.decode()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"7", b'{"message": 7}', b'{"message": {"chat": {"id": "x"}, "text": {}}}']
)
def test_nothing_is_a_500(client: Client, path: str, body: bytes) -> None:
    assert client.post(path, body, "application/json").status_code in (200, 400)
