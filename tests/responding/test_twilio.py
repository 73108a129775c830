"""Answers from phones, and receipts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from aiops.access.models import User, Workspace
from incidents.choices import Severity
from incidents.models import Incident
from incidents.services import incidents
from notifications.choices import ChannelKind, DeliveryState
from notifications.models import Delivery, Destination, Provider, Receipt
from tests.factories import actor, make_incident, make_user
from tests.responding.conftest import LATER
from tests.responding.making import make_delivery, make_destination
from tests.responding.signing import twilio

pytestmark = pytest.mark.usefixtures("clock")


@pytest.fixture
def path(sms_account: Provider) -> str:
    return f"/hooks/sms/{sms_account.hook_key}"


_sids = iter(range(10_000))


def text(client: Client, path: str, body: str, sender: str = "+15550001111", sid: str = "") -> str:
    form = {
        "From": sender,
        "To": "+15559990000",
        "Body": body,
        "MessageSid": sid or f"SMx{next(_sids)}",
        "SmsStatus": "received",
    }
    response = twilio(client, path, form)
    assert response.status_code == 200 and response["Content-Type"] == "text/xml; charset=utf-8"
    return response.content.decode().partition("<Response>")[2].removesuffix("</Response>")


def status(incident: Incident) -> str:
    incident.refresh_from_db()
    return incident.status


@pytest.mark.parametrize("body", ["12 ack", "Ack 12", "ack", "ack all", "  #12 ack "])
def test_ack(client: Client, path: str, texted: Delivery, body: str) -> None:
    assert text(client, path, body) == f"<Message>{texted.incident.name} acknowledged.</Message>"
    assert status(texted.incident) == "acknowledged" and texted.incident.acknowledged_by == "ana"


def test_the_other_verbs(client: Client, path: str, texted: Delivery) -> None:
    text(client, path, "12 snooze 2h vendor is on it")
    texted.incident.refresh_from_db()
    assert texted.incident.snoozed_until == LATER + timedelta(hours=2)
    assert texted.incident.snooze_reason == "vendor is on it"
    assert "12 note" not in text(client, path, "12 note the disk is full")
    assert "escalated" in text(client, path, "12 escalate")
    assert "resolved" in text(client, path, "resolve 12 new disk")
    texted.incident.refresh_from_db()
    assert texted.incident.resolution == "new disk"
    assert "ana resolved it just now" in text(client, path, "ack 12")
    assert "ack all" in text(client, path, "help")


def test_several_are_asked_about_and_all_takes_all(
    client: Client, path: str, workspace: Workspace, texted: Delivery, phone: Destination, ana: User
) -> None:
    more = [make_incident(workspace, severity=Severity.HIGH) for _ in range(4)]
    for code, incident in enumerate(more, 13):
        make_delivery(incident, phone, recipient=ana, reply_code=code)
    not_hers = make_incident(workspace)
    asked = text(client, path, "ack")
    assert "You have 5" in asked and f"12 ({texted.incident.name})" in asked and "“all”" in asked
    assert "13 done" not in asked and status(more[0]) == "open"
    assert "No message to you had the number 99" in text(client, path, "99 ack")
    assert "5 done" in text(client, path, "ack all")
    assert {status(incident) for incident in (texted.incident, *more)} == {"acknowledged"}
    assert status(not_hers) == "open"
    assert "Nothing that you were told of is open" in text(client, path, "ack all")


def test_a_number_that_was_given_again_means_the_newer_one(
    client: Client, path: str, workspace: Workspace, texted: Delivery, phone: Destination, ana: User
) -> None:
    incidents.resolve(actor=actor(workspace), incident_id=texted.incident_id, now=LATER)
    newer = make_delivery(make_incident(workspace), phone, recipient=ana, reply_code=12)
    text(client, path, "12 ack")
    assert status(newer.incident) == "acknowledged"


def test_a_stranger_a_shared_phone_and_an_unproven_number_do_nothing(
    client: Client, path: str, workspace: Workspace, texted: Delivery
) -> None:
    make_destination(ChannelKind.SMS, "+15550002222", workspace=workspace)
    make_destination(ChannelKind.SMS, "+15550003333", owner=make_user("bo", workspace), verified_at=None)
    for sender in ("+15550002222", "+15550003333", "+15550004444", ""):
        assert "nobody's own here" in text(client, path, "12 ack", sender)
    assert status(texted.incident) == "open"


def test_another_persons_number_is_not_reached_by_code(
    client: Client, path: str, workspace: Workspace, texted: Delivery
) -> None:
    make_destination(ChannelKind.SMS, "+15550005555", owner=make_user("bo", workspace))
    assert "No message to you had the number 12" in text(client, path, "12 ack", "+15550005555")
    assert status(texted.incident) == "open"


def test_signatures(client: Client, path: str, texted: Delivery) -> None:
    form = {"From": "+15550001111", "Body": "12 ack", "MessageSid": "SM9"}
    assert twilio(client, path, form, token="wrong").status_code == 403
    assert twilio(client, path, form, url="https://elsewhere.example/x").status_code == 403
    assert client.post(path, form).status_code == 403
    assert client.post(path, form, headers={"X-Twilio-Signature": "é"}).status_code == 403
    assert status(texted.incident) == "open"
    assert client.get(path).status_code == 405


def test_a_repetition_does_nothing(client: Client, path: str, texted: Delivery) -> None:
    assert "acknowledged" in text(client, path, "12 ack", sid="SM7")
    incidents.unacknowledge(actor=actor(texted.workspace), incident_id=texted.incident_id, now=LATER)
    assert text(client, path, "12 ack", sid="SM7") == ""
    assert status(texted.incident) == "open"


def call(client: Client, account: Provider, delivery: Delivery | str, digit: str, sid: str = "CA1") -> str:
    public_id = delivery if isinstance(delivery, str) else delivery.public_id
    form = {"CallSid": sid, "Digits": digit, "To": "+15550001111"}
    response = twilio(client, f"/hooks/voice/{account.hook_key}?delivery={public_id}", form)
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def called(incident: Incident, ana: User) -> Delivery:
    return make_delivery(incident, make_destination(ChannelKind.VOICE, "+15550001111", owner=ana), recipient=ana)


@pytest.mark.parametrize(("digit", "field"), [("4", "acknowledged_at"), ("6", "resolved_at"), ("8", "escalated_at")])
def test_keys_during_a_call(client: Client, voice_account: Provider, called: Delivery, digit: str, field: str) -> None:
    assert "Goodbye" in call(client, voice_account, called, "1")
    assert f"<Say>{called.incident.name} " in call(client, voice_account, called, digit)
    called.incident.refresh_from_db()
    assert getattr(called.incident, field) == LATER
    assert call(client, voice_account, called, digit).endswith("<Response></Response>")


def test_a_call_to_a_shared_phone_is_nobodys_answer(
    client: Client, voice_account: Provider, incident: Incident, workspace: Workspace
) -> None:
    shared = make_delivery(incident, make_destination(ChannelKind.VOICE, "+15550006666", workspace=workspace))
    assert "nobody knows who answers there" in call(client, voice_account, shared, "4")
    assert "no such message" in call(client, voice_account, "dlv-00ffffff", "4", "CA2")
    assert "no such message" in call(client, voice_account, "1;--", "4", "CA3")
    assert status(incident) == "open"


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("delivered", DeliveryState.DELIVERED),
        ("undelivered", DeliveryState.FAILED_PERMANENT),
        ("queued", DeliveryState.SENT),
    ],
)
def test_receipts(client: Client, path: str, texted: Delivery, word: str, state: DeliveryState) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": word, "SmsStatus": word, "To": "+15550001111", "ErrorCode": "30003"}
    assert twilio(client, f"{path}?delivery={texted.public_id}", form).status_code == 200
    texted.refresh_from_db()
    assert texted.state == state
    assert Receipt.objects.filter(delivery=texted).count() == (state != DeliveryState.SENT)


def test_a_receipt_that_overtakes_our_own_record_is_kept(client: Client, path: str, texted: Delivery) -> None:
    Delivery.objects.filter(pk=texted.pk).update(provider_ref="")
    twilio(client, f"{path}?delivery={texted.public_id}", {"MessageSid": "SM5", "MessageStatus": "delivered"})
    texted.refresh_from_db()
    assert (texted.provider_ref, texted.state) == ("SM5", DeliveryState.DELIVERED)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"Body": ""},
        {"Body": "\0 12 ack", "From": "\0"},
        {"Digits": ""},
        {"Digits": "٤", "CallSid": "\ud83d"},
        {"MessageStatus": "delivered"},
        {"MessageStatus": "delivered", "MessageSid": "\0x"},
        {"MessageStatus": "delivered", "MessageSid": "S" * 5000},
        {"CallStatus": "completed", "CallSid": "unknown"},
    ],
)
def test_nothing_is_a_500(client: Client, path: str, form: dict[str, str]) -> None:
    form = {name: value.encode("utf-8", "replace").decode() for name, value in form.items()}
    assert twilio(client, path, form).status_code == 200
