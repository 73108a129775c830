"""Answers from phones, and receipts."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from aiops.access.models import User, Workspace
from aiops.kernel import site
from incidents.choices import Severity
from incidents.models import Incident
from incidents.response.services import incidents
from notifications.channels.twilio import say
from notifications.choices import ChannelKind, DeliveryState
from notifications.models import Delivery, Destination, Provider, Receipt
from tests.factories import actor, make_incident, make_user
from tests.responding.conftest import LATER
from tests.responding.making import make_delivery, make_destination, make_provider
from tests.responding.signing import TWILIO_TOKEN, twilio

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


TAKEN = "You have it: nobody else is called."


def status(incident: Incident) -> str:
    incident.refresh_from_db()
    return incident.status


@pytest.mark.parametrize("body", ["12 ack", "Ack 12", "ack", "ack all", "  #12 ack "])
def test_ack(client: Client, path: str, texted: Delivery, body: str) -> None:
    assert text(client, path, body) == f"<Message>{texted.incident.name} acknowledged.\n{TAKEN}</Message>"
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
    assert "You have 5" in asked and f"12 ({texted.incident.name})" in asked and '"all"' in asked
    assert "Acknowledged" not in asked and status(more[0]) == "open"
    assert "No message to you had the number 99" in text(client, path, "99 ack")
    assert "Acknowledged 5: " in text(client, path, "ack all")
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
    assert "Press 4" in call(client, voice_account, called, "1")
    assert f"<Say>{say(called.incident.name)} " in call(client, voice_account, called, digit)
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


def told(incidents_: list[Incident], phone: Destination, code: int) -> None:
    """One digest to Ana's phone, with a number of its own."""
    first, *more = (
        make_delivery(each, phone, recipient=phone.owner, reply_code=code, provider_ref="SM9") for each in incidents_
    )
    for each in more:
        each.digest = first
        each.save()


def test_the_number_of_a_digest_takes_all_that_it_listed(
    client: Client, path: str, workspace: Workspace, texted: Delivery, phone: Destination
) -> None:
    listed = [make_incident(workspace) for _ in range(6)]
    told(listed, phone, 4)
    incidents.resolve(actor=actor(workspace), incident_id=listed[0].pk, now=LATER)
    said = text(client, path, "“ack 4”")
    assert "Acknowledged 5: " in said and "; 1 was already resolved." in said and "You have them" in said
    assert [status(each) for each in listed] == ["resolved"] + ["acknowledged"] * 5
    assert status(texted.incident) == "open"
    again = text(client, path, "ack 4")
    assert "Nothing was done. Of 6, 1 was already resolved, 5 were already acknowledged by ana." in again


def test_several_numbers_are_taken_together_or_not_at_all(
    client: Client, path: str, workspace: Workspace, texted: Delivery, phone: Destination
) -> None:
    second = make_incident(workspace)
    make_delivery(second, phone, recipient=phone.owner, reply_code=13)
    assert text(client, path, "ack 12, 13 and 99") == (
        "<Message>Nothing was done. No message to you had the number 99.</Message>"
    )
    assert {status(texted.incident), status(second)} == {"open"}
    said = text(client, path, "ack 12 13")
    assert f"Acknowledged 2: {texted.incident.name}, {second.name}." in said
    assert "resolved" in text(client, path, "ack 12, resolve 13")
    assert (status(texted.incident), status(second)) == ("acknowledged", "resolved")


def test_snooze_never_takes_a_number_for_minutes(client: Client, path: str, texted: Delivery) -> None:
    assert "Nothing was done." in text(client, path, "snooze 12 30") and "snooze 1 30m" in text(
        client, path, "snooze 12 30"
    )
    said = text(client, path, "snooze 30")
    assert 'Nothing was done. No message to you had the number 30. For 30 minutes write "snooze 30m".' in said
    texted.incident.refresh_from_db()
    assert texted.incident.snoozed_until is None
    assert "snoozed for 30 minutes" in text(client, path, "snooze 12 30m")
    assert "snoozed for 1 hour" in text(client, path, "snooze 12")


def test_a_number_alone_does_nothing_and_is_told_what_it_is(client: Client, path: str, texted: Delivery) -> None:
    said = text(client, path, "12")
    assert f'Nothing was done.\n{texted.incident.name} is "{texted.incident.title}". Nobody has it yet.' in said
    assert '"ack 12" or "resolve 12"' in said and status(texted.incident) == "open"
    assert "No message to you had the number 99" in text(client, path, "99")


@pytest.mark.parametrize("body", ["hello?", "yes", "make it stop", "acknowledgement"])
def test_what_is_no_command_is_told_that_nothing_was_done(
    client: Client, path: str, texted: Delivery, body: str
) -> None:
    assert f'Nothing was done. "{body}" is no command.' in text(client, path, body)
    assert status(texted.incident) == "open"


def test_a_refusal_in_the_middle_undoes_what_was_done_before(
    client: Client, path: str, workspace: Workspace, texted: Delivery, phone: Destination
) -> None:
    second = make_incident(workspace)
    make_delivery(second, phone, recipient=phone.owner, reply_code=13)
    assert "Nothing was done. Say for how long" in text(client, path, "ack 12, snooze 13 until later")
    assert {status(texted.incident), status(second)} == {"open"}


PUBLIC = "https://noc.example:8443"


@pytest.mark.parametrize(
    ("public", "signed"),
    [
        (PUBLIC, PUBLIC),
        (PUBLIC, "https://noc.example"),
        ("https://noc.example", "https://noc.example:443"),
        ("https://noc.example", "http://noc.example"),
        ("http://noc.example", "http://noc.example:80"),
        ("http://noc.example:8888", "https://noc.example:443"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]"),
    ],
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_signatures_with_and_without_the_port(
    client: Client, path: str, texted: Delivery, settings: Any, public: str, signed: str, slash: str
) -> None:
    settings.AIOPS_PUBLIC_URL = public
    receipt = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    query = f"?delivery={texted.public_id}"
    assert twilio(client, path + query, receipt, url=f"{signed}{path}{slash}{query}").status_code == 200
    texted.refresh_from_db()
    assert texted.state == DeliveryState.DELIVERED


@pytest.mark.parametrize(
    "signed", ["https://other.example:8443", "https://noc.example:9000", "https://noc.example.evil"]
)
def test_signatures_for_another_address_are_refused(
    client: Client, path: str, texted: Delivery, settings: Any, signed: str
) -> None:
    settings.AIOPS_PUBLIC_URL = PUBLIC
    assert twilio(client, path, {"Body": "12 ack", "From": "+15550001111"}, url=signed + path).status_code == 403
    assert status(texted.incident) == "open"


def gather(response: str) -> str:
    """Where the next key goes."""
    found = re.search(
        r'<Gather numDigits="1" timeout="8" actionOnEmptyResult="true" action="([^"]+)" method="POST">', response
    )
    assert found is not None, response
    return html.unescape(found[1])


@pytest.mark.parametrize(
    ("wrong", "said"), [("5", "5 does nothing here."), ("*", "* does nothing here."), ("", "No key was pressed.")]
)
def test_a_wrong_key_asks_again_a_few_times_and_then_says_that_nothing_was_done(
    client: Client, voice_account: Provider, called: Delivery, wrong: str, said: str
) -> None:
    url = site.url(f"/hooks/voice/{voice_account.hook_key}?delivery={called.public_id}")
    for _ in range(2):
        response = twilio(client, url.removeprefix(site.url("")), {"CallSid": "CA1", "Digits": wrong}).content.decode()
        assert said in response and "Press 4 to acknowledge" in response
        url = gather(response)
    response = twilio(client, url.removeprefix(site.url("")), {"CallSid": "CA1", "Digits": wrong}).content.decode()
    assert "<Gather" not in response
    assert f"<Say>{said} Nothing was done, and the escalation goes on. Goodbye.</Say>" in response
    assert status(called.incident) == "open"


def test_after_a_wrong_key_the_right_one_acknowledges(
    client: Client, voice_account: Provider, called: Delivery
) -> None:
    url = gather(call(client, voice_account, called, "5"))
    response = twilio(client, url.removeprefix(site.url("")), {"CallSid": "CA1", "Digits": "4"}).content.decode()
    assert (
        f"<Say>{say(called.incident.name)} acknowledged. You have it: nobody else is called. Goodbye.</Say>" in response
    )
    assert status(called.incident) == "acknowledged"


def test_a_key_answers_for_all_that_a_call_told_of(
    client: Client, voice_account: Provider, called: Delivery, workspace: Workspace
) -> None:
    other = make_incident(workspace)
    make_delivery(other, called.destination, recipient=called.recipient, digest=called)
    assert "Acknowledged 2: " in call(client, voice_account, called, "4")
    assert {status(called.incident), status(other)} == {"acknowledged"}


def test_receipts_of_another_workspaces_account_reach_nothing(client: Client, texted: Delivery) -> None:
    elsewhere = make_incident().workspace
    theirs = make_provider(elsewhere, ChannelKind.SMS, auth_token=TWILIO_TOKEN)
    form = {"MessageSid": "SM1", "MessageStatus": "failed", "ErrorCode": "30003"}
    for query in ("", f"?delivery={texted.public_id}"):
        assert twilio(client, f"/hooks/sms/{theirs.hook_key}{query}", form).status_code == 200
    texted.refresh_from_db()
    assert texted.state == DeliveryState.SENT and not texted.receipts.exists()


def test_a_receipt_of_a_digest_counts_for_all_that_it_told_of(
    client: Client, path: str, workspace: Workspace, phone: Destination
) -> None:
    told([make_incident(workspace) for _ in range(3)], phone, 4)
    twilio(client, path, {"MessageSid": "SM9", "MessageStatus": "undelivered", "ErrorCode": "30003"})
    assert set(Delivery.objects.values_list("state", "reason")) == {("failed_permanent", "undelivered 30003")}
    assert Receipt.objects.count() == 3


def test_what_takes_some_out_again_or_names_in_two_ways_is_never_half_done(
    client: Client, path: str, workspace: Workspace, texted: Delivery, phone: Destination
) -> None:
    second = make_incident(workspace)
    make_delivery(second, phone, recipient=phone.owner, reply_code=13)
    for unclear in ("ack all but 12", "resolve everything except 13", "ack 12 or 13", "ack 12 13 disks", "ack INC-1"):
        assert "Nothing was done. " in text(client, path, unclear), unclear
    assert {status(texted.incident), status(second)} == {"open"}
    assert "Acknowledged 2: " in text(client, path, f"ack 12 {second.name}")
    assert "Resolved 2: " in text(client, path, "resolve 12 – 13")
