"""A digest: what it asks for, which incidents its number means, and what its rows say."""

from __future__ import annotations

import re

import pytest

from aiops.access.actors import SYSTEM
from aiops.access.models import User, Workspace
from incidents.choices import Severity
from incidents.models import Incident
from notifications.choices import ChannelKind, Purpose, Rank
from notifications.delivery.intents import Intent
from notifications.delivery.services import deliveries, providers, reply_codes
from notifications.models import Delivery, Destination
from tests.deliveries.conftest import make_destination, send
from tests.factories import NOW, make_incident, make_user
from tests.receivers import Receivers

PHONE = "+15550001111"


@pytest.fixture
def ana(workspace: Workspace) -> User:
    return make_user("ana", workspace)


@pytest.fixture
def phone(workspace: Workspace, ana: User, receivers: Receivers) -> Destination:
    providers.save_provider(
        actor=SYSTEM, workspace=workspace, kind=ChannelKind.SMS, name="Twilio", settings=receivers.twilio.settings
    )
    return make_destination(kind=ChannelKind.SMS, address=PHONE, owner=ana)


def tell(phone: Destination, *incidents: Incident, purpose: Purpose = Purpose.PAGE, rank: Rank = Rank.DIGEST) -> None:
    """Text the owner of *phone* about *incidents*: in one digest, or one by one."""
    intents = [
        Intent(
            workspace_id=incident.workspace_id,
            incident_id=incident.pk,
            purpose=purpose,
            round=Delivery.objects.count(),
            recipient_id=phone.owner_id,
            destination_id=phone.pk,
            kind=ChannelKind.SMS,
            rank=rank,
            due_at=NOW,
        )
        for incident in incidents
    ]
    deliveries.intend(intents, NOW)
    send()


def asked(text: str) -> tuple[int, str]:
    """The number that a text asks to answer with, and the words after it."""
    found = re.search(r'Reply "ack (\d+)" or "resolve \1"(.*)\.', text)
    assert found is not None, text
    return int(found[1]), found[2]


def test_the_number_of_a_digest_means_all_that_it_told_of(
    workspace: Workspace, ana: User, phone: Destination, receivers: Receivers
) -> None:
    alone = make_incident(workspace)
    tell(phone, alone, rank=Rank.PAGE)
    six = [make_incident(workspace, severity=Severity.HIGH) for _ in range(6)]
    tell(phone, *six)
    first, digest = receivers.twilio.texts(PHONE)
    (own, words), (code, all_of_it) = asked(first), asked(digest)
    assert (words, all_of_it) == ("", " for all 6") and own != code
    assert {i.pk for i in reply_codes.incidents_of(code, user=ana, workspace_id=workspace.pk)} == {i.pk for i in six}
    assert reply_codes.incidents_of(own, user=ana, workspace_id=workspace.pk) == [alone]
    assert reply_codes.incidents_of(99, user=ana, workspace_id=workspace.pk) == []


def test_an_incident_of_a_digest_gets_a_number_of_its_own_when_it_comes_alone(
    workspace: Workspace, ana: User, phone: Destination, receivers: Receivers
) -> None:
    both = [make_incident(workspace), make_incident(workspace)]
    tell(phone, *both)
    tell(phone, both[0], rank=Rank.PAGE)
    tell(phone, both[0], rank=Rank.FIRST_PAGE)
    digest, once, again = (asked(text)[0] for text in receivers.twilio.texts(PHONE))
    assert once == again != digest
    assert reply_codes.incidents_of(once, user=ana, workspace_id=workspace.pk) == [both[0]]
    assert len(reply_codes.incidents_of(digest, user=ana, workspace_id=workspace.pk)) == 2


def test_a_number_that_was_a_digests_means_the_newer_message_once_all_of_that_is_over(
    workspace: Workspace, ana: User, phone: Destination, receivers: Receivers
) -> None:
    newer = make_incident(workspace)
    old = [make_incident(workspace), make_incident(workspace)]
    tell(phone, *old)
    Incident.objects.filter(pk__in=[i.pk for i in old]).update(status="resolved")
    tell(phone, newer, rank=Rank.PAGE)
    digest, alone = (asked(text)[0] for text in receivers.twilio.texts(PHONE))
    assert digest == alone
    assert reply_codes.incidents_of(alone, user=ana, workspace_id=workspace.pk) == [newer]


def test_a_digest_of_what_is_over_or_of_too_much_asks_for_nothing(
    workspace: Workspace, phone: Destination, receivers: Receivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = [make_incident(workspace), make_incident(workspace)]
    tell(phone, *over)
    Incident.objects.filter(pk__in=[i.pk for i in over]).update(status="resolved")
    tell(phone, *over, purpose=Purpose.STAND_DOWN)
    monkeypatch.setattr(reply_codes, "MOST", 2)
    tell(phone, *[make_incident(workspace) for _ in range(3)])
    pages, ended, many = receivers.twilio.texts(PHONE)
    assert "Reply" in pages and ended.startswith("2 incidents are over: ")
    for text in (ended, many):
        assert "ack" not in text and "Reply" not in text and "/respond/" not in text


def test_news_of_one_incident_leaves_the_digest_that_told_of_it_as_it_is(
    workspace: Workspace, receivers: Receivers
) -> None:
    slack = receivers.slack
    account = {"token": slack.token, "signing_secret": slack.signing_secret, "base_url": slack.api}
    providers.save_provider(actor=SYSTEM, workspace=workspace, kind=ChannelKind.SLACK, name="bot", settings=account)
    channel = make_destination(kind=ChannelKind.SLACK, address="#noc", workspace=workspace)
    three = [make_incident(workspace, title=f"Host {number} is down") for number in range(3)]
    about = {"workspace_id": workspace.pk, "destination_id": channel.pk, "kind": ChannelKind.SLACK, "due_at": NOW}
    pages = [Intent(**about, incident_id=i.pk, purpose=Purpose.ANNOUNCE, rank=Rank.DIGEST) for i in three]
    deliveries.intend(pages, NOW)
    send()
    for event, step in (("acknowledge", -2), ("resolve", -1)):
        news = Intent(**about, incident_id=three[1].pk, purpose=Purpose.STAND_DOWN, step=step, data={"event": event})
        deliveries.intend([news], NOW)
        send()
    digest, *threaded = slack.requests
    assert "3 incidents" in digest.json["text"]
    assert [request.path.rpartition(".")[2] for request in threaded] == ["postMessage", "postMessage"]
    for request in threaded:
        assert request.json["thread_ts"] in slack.messages and request.json["reply_broadcast"] is False


def test_rows_say_what_they_went_with_and_the_one_that_went_which_it_carried(
    workspace: Workspace, phone: Destination
) -> None:
    three = [make_incident(workspace) for _ in range(3)]
    tell(phone, *three)
    carrier = Delivery.objects.get(digest=None)
    assert carrier.bundled.count() == 2
    for row in Delivery.objects.all():
        assert [each.incident for each in reply_codes.carried(row)] == sorted(three, key=lambda i: i.pk)


def test_a_digest_of_some_that_are_over_asks_about_the_others(
    workspace: Workspace, ana: User, phone: Destination, receivers: Receivers
) -> None:
    over = make_incident(workspace, severity=Severity.CRITICAL, title="It is over")
    low, lower = (make_incident(workspace, severity=Severity.LOW, title=f"Still {word}") for word in ("on", "off"))
    tell(phone, over, rank=Rank.PAGE)
    Incident.objects.filter(pk=over.pk).update(status="resolved")
    for still in ([low], [low, lower]):
        about = {
            "workspace_id": workspace.pk,
            "recipient_id": ana.pk,
            "destination_id": phone.pk,
            "kind": ChannelKind.SMS,
        }
        rest = {**about, "rank": Rank.DIGEST, "due_at": NOW, "round": Delivery.objects.count()}
        end = Intent(**rest, incident_id=over.pk, purpose=Purpose.STAND_DOWN, data={"event": "resolve"})
        deliveries.intend([end, *(Intent(**rest, incident_id=i.pk, purpose=Purpose.PAGE) for i in still)], NOW)
        send()
    _, one, two = receivers.twilio.texts(PHONE)
    assert one.startswith(f"2 incidents: {low.name} Still on and 1 more") and asked(one)[1] == f" for {low.name}"
    assert asked(two)[1] == " for all 2 that are not over"
    assert reply_codes.incidents_of(asked(one)[0], user=ana, workspace_id=workspace.pk)[-1] != over


def test_nobody_is_asked_to_acknowledge_what_somebody_has(
    workspace: Workspace, phone: Destination, receivers: Receivers
) -> None:
    two = [make_incident(workspace), make_incident(workspace)]
    Incident.objects.filter(pk__in=[i.pk for i in two]).update(status="acknowledged", acknowledged_by="Bo")
    tell(phone, *two, purpose=Purpose.ANNOUNCE)
    assert re.search(r'Reply "resolve \d+" for all 2\.', receivers.twilio.texts(PHONE)[-1])
