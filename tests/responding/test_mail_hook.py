"""A reply to a page, from the gateway to the incident."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.test import Client

from aiops.access.models import Membership, User, Workspace
from incidents.models import Incident, TimelineEntry
from incidents.response.services import incidents
from notifications.choices import ChannelKind, Purpose
from notifications.delivery import tokens
from notifications.models import Delivery, Provider
from tests.factories import actor, make_incident, make_user
from tests.responding.conftest import LATER, Clock
from tests.responding.making import make_delivery, make_destination, make_provider

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
    said = f"{mailed.incident.name} acknowledged. You have it: nobody else is called."
    assert reply(client, path, mailed, "ack") == {"ok": True, "said": said}
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
    assert notice.data["text"] == f"Nothing was done. {mailed.incident.name}: bo acknowledged it just now."
    assert notice.data["subject"] == f"Your answer about {mailed.incident.name} did nothing"
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


def notices() -> list[dict[str, Any]]:
    return [each.data for each in Delivery.objects.filter(purpose=Purpose.OWNER_NOTICE).order_by("pk")]


def test_whoever_acknowledged_reads_that_it_was_understood(client: Client, path: str, mailed: Delivery) -> None:
    reply(client, path, mailed, "Hi,\r\n\r\nGot it, looking\r\n\r\nAna")
    assert status(mailed.incident) == "acknowledged" and mailed.incident.acknowledge_message.startswith("looking")
    [notice] = notices()
    name = mailed.incident.name
    assert notice["subject"] == f"Your answer about {name}"
    assert notice["text"] == f"{name} acknowledged.\nYou have it: nobody else is called."


def test_whoever_wrote_a_note_reads_that_nobody_has_it(client: Client, path: str, mailed: Delivery) -> None:
    said = reply(client, path, mailed, "Seems to be the new disk.")
    assert said["ok"] and status(mailed.incident) == "open"
    assert "Nobody has acknowledged it: answer “ack” to take it." in notices()[0]["text"]
    incidents.acknowledge(actor=actor(mailed.workspace), incident_id=mailed.incident_id, now=LATER)
    assert "Nobody" not in reply(client, path, mailed, "It is the disk.")["said"]


@pytest.mark.parametrize("body", ["", "> only quoted", "\u200b", "--\r\nAna"])
def test_a_mail_that_says_nothing_does_nothing_and_is_told_so(
    client: Client, path: str, mailed: Delivery, body: str
) -> None:
    said = reply(client, path, mailed, body)
    assert not said["ok"] and "Nothing was done" in said["said"] and "nothing in the mail" in notices()[0]["text"]
    assert status(mailed.incident) == "open"


def digest(incident: Incident, more: int, mailed: Delivery) -> list[Incident]:
    """*mailed* told of *more* incidents besides its own."""
    others = [make_incident(incident.workspace) for _ in range(more)]
    for other in others:
        make_delivery(other, mailed.destination, recipient=mailed.recipient, digest=mailed)
    return [incident, *others]


def test_an_answer_to_a_digest_takes_all_that_it_listed_and_says_so(
    client: Client, path: str, incident: Incident, mailed: Delivery
) -> None:
    listed = digest(incident, 6, mailed)
    incidents.resolve(actor=actor(incident.workspace), incident_id=listed[3].pk, now=LATER)
    said = reply(client, path, mailed, "ack")["said"]
    assert said.startswith("Acknowledged 6: ") and "; 1 was already resolved." in said
    assert all(each.name in said for each in listed if each.pk != listed[3].pk)
    assert {status(each) for each in listed} == {"acknowledged", "resolved"}
    assert notices()[0]["subject"] == f"Your answer about {incident.name}"


def test_a_note_to_a_digest_is_kept_for_all_of_it(
    client: Client, path: str, incident: Incident, mailed: Delivery
) -> None:
    listed = digest(incident, 2, mailed)
    said = reply(client, path, mailed, "the rack has no power")["said"]
    assert "Noted 3: " in said and "Nobody has acknowledged 3 of them" in said
    assert TimelineEntry.objects.filter(kind="note_added", incident__in=listed).count() == 3


def test_of_a_digest_one_may_be_named(client: Client, path: str, incident: Incident, mailed: Delivery) -> None:
    listed = digest(incident, 2, mailed)
    reply(client, path, mailed, f"ack {listed[1].name}")
    assert [status(each) for each in listed] == ["open", "acknowledged", "open"]


def test_what_was_reopened_since_is_not_taken(client: Client, path: str, incident: Incident, mailed: Delivery) -> None:
    for verb in (incidents.resolve, incidents.reopen):
        verb(actor=actor(incident.workspace), incident_id=incident.pk, now=LATER)
    assert "was reopened after this message" in reply(client, path, mailed, "ack")["said"]
    assert status(incident) == "open"


def test_an_absence_note_renews_nothing_and_is_no_note(client: Client, path: str, mailed: Delivery) -> None:
    for headers in ("Precedence: auto-reply\r\n", "X-Autoreply: yes\r\n", "Return-Path: <>\r\n"):
        assert not reply(client, path, mailed, "I am away until Monday.", headers=headers)["ok"]
    assert not TimelineEntry.objects.filter(incident=mailed.incident, kind="note_added").exists() and notices() == []


def test_a_mail_that_comes_twice_counts_once(client: Client, path: str, mailed: Delivery) -> None:
    for _ in range(2):
        assert reply(client, path, mailed, "looking at the logs, first", headers="Message-ID: <1@x.example>\r\n")["ok"]
    assert TimelineEntry.objects.filter(kind="note_added").count() == 1 and len(notices()) == 1


def test_machines_that_answer_each_other_come_to_an_end(client: Client, path: str, mailed: Delivery) -> None:
    for number in range(9):
        reply(client, path, mailed, f"note {number}")
    assert len(notices()) == 5


def test_what_fails_the_gateways_check_does_nothing_and_its_supposed_sender_hears_of_it(
    client: Client, path: str, mailed: Delivery
) -> None:
    headers = "Authentication-Results: mx.example; dmarc=fail header.from=example.com\r\n"
    said = reply(client, path, mailed, "resolve", headers=headers)
    assert not said["ok"] and status(mailed.incident) == "open"
    assert "did not pass its domain's own check" in notices()[0]["text"]


def mailgun(delivery: Delivery, key: str = "", at: int = 0) -> dict[str, str]:
    """The fields of Mailgun's parsed form."""
    to = f"reply+{tokens.make(delivery.pk)}@in.example.com"
    stamp, token = str(at or int(LATER.timestamp())), "t" * 50
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {
        "recipient": to,
        "sender": "bounce+ana@example.com",
        "from": "Ana <ana.pager@example.com>",
        "subject": "Re: page",
        "body-plain": "ack\r\n\r\n> High CPU",
        "stripped-text": "ack",
        "body-html": "<p>ack</p>",
        "message-headers": orjson.dumps([["To", to], ["Message-Id", "<1@x.example>"]]).decode(),
        "timestamp": stamp,
        "token": token,
        "signature": signature,
    }


def test_mailguns_route_works_with_both_addresses(client: Client, path: str, mailed: Delivery) -> None:
    assert client.post(path, mailgun(mailed)).json()["ok"] and status(mailed.incident) == "acknowledged"
    raw_form = {"body-mime": raw(mailed, "resolve"), "recipient": "x"}
    assert client.post(f"{path}/mime", raw_form).json()["ok"] and status(mailed.incident) == "resolved"


def test_mailguns_signature_is_asked_for_where_its_key_is_set(
    client: Client, workspace: Workspace, mailed: Delivery
) -> None:
    account = make_provider(workspace, ChannelKind.EMAIL, webhook_secret="mailgun-key")
    path = f"/hooks/email/{account.hook_key}"
    yesterday = int(LATER.timestamp()) - 90_000
    for form in (mailgun(mailed), mailgun(mailed, "other"), mailgun(mailed, "mailgun-key", yesterday)):
        assert client.post(path, form).status_code == 403
    assert client.post(path, raw(mailed, "ack"), "message/rfc822").status_code == 403
    assert status(mailed.incident) == "open"
    assert client.post(path, mailgun(mailed, "mailgun-key")).json()["ok"]


def test_mailguns_absence_notes_are_known_by_the_listed_headers(client: Client, path: str, mailed: Delivery) -> None:
    form = mailgun(mailed) | {"message-headers": orjson.dumps([["Auto-Submitted", "auto-replied"]]).decode()}
    assert not client.post(path, form).json()["ok"] and status(mailed.incident) == "open"


def test_sendgrids_and_postmarks_parsed_forms(client: Client, path: str, mailed: Delivery) -> None:
    to = f"reply+{tokens.make(mailed.pk)}@in.example.com"
    postmark = {
        "From": "ana.pager@example.com",
        "OriginalRecipient": to,
        "Subject": "Re: page",
        "TextBody": "",
        "HtmlBody": "<p>ack</p>",
        "Headers": [{"Name": "Message-ID", "Value": "<2@x.example>"}],
        "ToFull": [{"Email": to}],
    }
    away = postmark | {"Headers": [{"Name": "X-Autoreply", "Value": "yes"}]}
    assert not client.post(path, orjson.dumps(away), "application/json").json()["ok"]
    assert client.post(path, orjson.dumps(postmark), "application/json").json()["ok"]
    assert status(mailed.incident) == "acknowledged"
    sendgrid = {
        "from": "Ana <ana.pager@example.com>",
        "to": to,
        "subject": "Re: page",
        "text": "resolve\n\nOn Thu, 19 Mar 2026 at 14:30, NOC <n@x.example> wrote:\n> x",
        "headers": "Received: x\nSubject: Re: page\n",
        "envelope": orjson.dumps({"to": [to], "from": "ana.pager@example.com"}).decode(),
        "SPF": "fail",
        "dkim": "{@example.com : fail}",
    }
    assert not client.post(path, sendgrid).json()["ok"] and status(mailed.incident) == "acknowledged"
    assert client.post(path, sendgrid | {"SPF": "pass"}).json()["ok"] and status(mailed.incident) == "resolved"


@pytest.mark.parametrize("whole", [True, False])
def test_what_a_mail_says_of_its_own_check_is_not_believed_beside_the_gateways(
    client: Client, path: str, mailed: Delivery, whole: bool
) -> None:
    own = "Authentication-Results: mx.example; dmarc=pass\r\n"
    post = {
        "from": "ana.pager@example.com",
        "to": f"reply+{tokens.make(mailed.pk)}@in.example.com",
        "envelope": '{"from": "x@evil.example"}',
        "SPF": "pass",
        "dkim": "{@evil.example : pass}",
    }
    post |= {"email": raw(mailed, "ack", headers=own)} if whole else {"text": "ack", "headers": own}
    assert "did not pass" in client.post(path, post).json()["said"]
    assert status(mailed.incident) == "open"
    assert client.post(path, post | {"dkim": "{@evil.example : pass}{@example.com : pass}"}).json()["ok"]


def test_an_absence_note_without_headers_is_no_note_and_whoever_wrote_it_is_told(
    client: Client, path: str, mailed: Delivery
) -> None:
    said = reply(client, path, mailed, "Hello,\r\nI am out of the office until Monday.")
    assert not said["ok"] and said["said"].startswith("Nothing was done. It reads like an automatic answer")
    assert not TimelineEntry.objects.filter(incident=mailed.incident, kind="note_added").exists()
    assert Delivery.objects.filter(purpose=Purpose.OWNER_NOTICE).count() == 1
    assert reply(client, path, mailed, "note I am out of the office until Monday.")["ok"]
    assert reply(client, path, mailed, "ack\r\n\r\nI am out of the office from Monday until Friday")["ok"]
