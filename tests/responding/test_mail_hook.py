"""A reply to a page, from the gateway to the incident."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.test import Client

from aiops.access.models import Membership, User, Workspace
from incidents.models import Incident, TimelineEntry
from incidents.services import incidents
from notifications.choices import ChannelKind, Purpose
from notifications.models import Delivery, Provider
from notifications.responding import tokens
from tests.factories import actor, make_incident, make_user
from tests.responding.conftest import LATER, Clock
from tests.responding.making import make_delivery, make_destination

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def mailed(incident: Incident, ana: User) -> Delivery:
    return make_delivery(
        incident, make_destination(ChannelKind.EMAIL, "ana.pager@example.com", owner=ana), recipient=ana
    )


@pytest.fixture
def path(mail_account: Provider) -> str:
    return f"/hooks/email/{mail_account.hook_key}"


def raw(delivery: Delivery, body: str, sender: str = "Ana <Ana.Pager@example.com>", headers: str = "") -> str:
    to = f"reply+{tokens.make(delivery.pk)}@in.example.com"
    return f"From: {sender}\r\nTo: {to}\r\n{headers}Subject: Re: page\r\n\r\n{body}\r\n\r\n> High CPU\r\n"


def reply(client: Client, path: str, delivery: Delivery, body: str, **more: str) -> dict[str, Any]:
    response = client.post(path, raw(delivery, body, **more), "message/rfc822")
    assert response.status_code == 200
    return response.json()


def status(incident: Incident) -> str:
    incident.refresh_from_db()
    return incident.status


def test_the_first_line_is_the_command(client: Client, path: str, mailed: Delivery) -> None:
    assert reply(client, path, mailed, "ack") == {"ok": True, "said": f"{mailed.incident.name} acknowledged."}
    assert status(mailed.incident) == "acknowledged" and mailed.incident.acknowledged_by == "ana"
    assert reply(client, path, mailed, "resolve\r\nRolled back\r\nto v41")["ok"]
    mailed.incident.refresh_from_db()
    assert mailed.incident.resolution == "Rolled back\nto v41"


def test_what_is_no_command_is_a_note(client: Client, path: str, mailed: Delivery) -> None:
    said = reply(client, path, mailed, "Resolved for me, but not for others.\r\nLooking.")
    assert said["ok"] and status(mailed.incident) == "open"
    entry = TimelineEntry.objects.get(incident=mailed.incident, kind="note_added")
    assert (entry.text, entry.actor_label) == ("Resolved for me, but not for others.\nLooking.", "ana")


@pytest.mark.parametrize("form", ["email", "body-mime", "RawEmail"])
def test_gateways_put_it_into_forms_and_json(client: Client, path: str, mailed: Delivery, form: str) -> None:
    if form == "RawEmail":
        response = client.post(path, orjson.dumps({"RawEmail": raw(mailed, "ack")}), "application/json")
    else:
        response = client.post(path, {form: raw(mailed, "ack"), "other": "x"})
    assert response.json()["ok"] and status(mailed.incident) == "acknowledged"


def test_only_who_was_asked_may_answer_and_from_their_address(
    client: Client, path: str, mailed: Delivery, workspace: Workspace
) -> None:
    make_user("bo", workspace)
    for sender in ("bo@example.com", "mallory@evil.example", "ana.pager@example.com.evil.example"):
        assert not reply(client, path, mailed, "ack", sender=sender)["ok"]
    assert status(mailed.incident) == "open"
    assert not Delivery.objects.filter(purpose=Purpose.OWNER_NOTICE).exists()  # strangers are told nothing
    assert reply(client, path, mailed, "ack", sender="ana@example.com")["ok"]  # the account's own


def test_a_shared_mailbox_is_answered_by_members(
    client: Client, path: str, incident: Incident, workspace: Workspace
) -> None:
    shared = make_delivery(incident, make_destination(ChannelKind.EMAIL, "noc@example.com", workspace=workspace))
    make_user("carl")
    make_user("bo", workspace)
    for sender in ("noc@example.com", "carl@example.com"):
        assert not reply(client, path, shared, "ack", sender=sender)["ok"]
    assert reply(client, path, shared, "ack", sender="bo@example.com")["ok"]
    assert status(incident) == "acknowledged" and incident.acknowledged_by == "bo"


def test_forged_tokens_and_other_workspaces_reach_nothing(
    client: Client, path: str, mailed: Delivery, ana: User
) -> None:
    token = tokens.make(mailed.pk)
    for forged in ("", token[:-1] + ("0" if token[-1] != "0" else "1"), tokens.make(mailed.pk + 1)):
        message = raw(mailed, "ack").replace(token, forged)
        assert client.post(path, message, "message/rfc822").json()["ok"] is False
    elsewhere = make_incident()
    Membership.objects.create(user=ana, workspace=elsewhere.workspace, role=2)
    theirs = make_delivery(elsewhere, mailed.destination, recipient=ana)
    assert reply(client, path, theirs, "ack")["ok"] is False
    assert {status(mailed.incident), status(elsewhere)} == {"open"}
    assert client.post("/hooks/email/nobodys", raw(mailed, "ack"), "message/rfc822").status_code == 404


def test_a_message_of_last_week_is_no_longer_answered(
    client: Client, path: str, mailed: Delivery, clock: Clock
) -> None:
    clock(LATER + timedelta(days=7))
    assert "older than a week" in reply(client, path, mailed, "ack")["said"]
    assert status(mailed.incident) == "open"


def test_machines_are_not_listened_to(client: Client, path: str, mailed: Delivery) -> None:
    said = reply(client, path, mailed, "ack", headers="Auto-Submitted: auto-replied\r\n")
    assert not said["ok"] and status(mailed.incident) == "open"
    assert not Delivery.objects.filter(purpose=Purpose.OWNER_NOTICE).exists()  # no loop of machines


def test_whose_answer_did_nothing_hears_of_it(client: Client, path: str, mailed: Delivery) -> None:
    incidents.acknowledge(actor=actor(mailed.workspace, label="bo"), incident_id=mailed.incident_id, now=LATER)
    assert not reply(client, path, mailed, "ack")["ok"]
    notice = Delivery.objects.get(purpose=Purpose.OWNER_NOTICE)
    assert (notice.destination, notice.recipient) == (mailed.destination, mailed.recipient)
    assert notice.data["text"] == f"{mailed.incident.name}: bo acknowledged it just now."
    Membership.objects.all().delete()
    assert not reply(client, path, mailed, "resolve")["ok"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "message/rfc822"),
        (b"\xff\x00\xfe", "message/rfc822"),
        (b"From: a@b.example\r\nTo: x\r\n\r\nack", "message/rfc822"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b'{"RawEmail": 7}', "application/json"),
        (b"email=%00", "application/x-www-form-urlencoded"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b"x", "multipart/form-data"),
        (b"x" * 3_000_000, "message/rfc822"),
    ],
)
def test_nothing_is_a_500(client: Client, path: str, body: bytes, kind: str) -> None:
    assert client.post(path, body, kind).status_code in (200, 400, 413)
