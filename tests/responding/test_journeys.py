"""From the alert to the answer and back, over real HTTP and SMTP: whoever answers, wherever, the escalation stops."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from pytest_django.live_server_helper import LiveServer

from aiops.access.actors import SYSTEM
from notifications.choices import ChannelKind, DeliveryState, RunState
from notifications.delivery.services import destinations, providers
from notifications.models import Delivery, Destination, Provider
from tests.receivers import Receivers, receivers
from tests.world import World, world

__all__ = ["receivers", "world"]


@pytest.fixture
def reached(world: World, live_server: LiveServer, settings: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world that answers can come back to, on its own time."""
    settings.AIOPS_PUBLIC_URL = live_server.url
    for module in ("entry", "respond"):
        monkeypatch.setattr(f"notifications.replies.hooks.{module}.utcnow", lambda: world.now)
    world.levels("ana", "bo")
    return world


def hook(world: World, kind: ChannelKind) -> str:
    account = Provider.objects.get(workspace=world.workspace, kind=kind)
    return f"{live(world)}/hooks/{kind}/{account.hook_key}"


def live(world: World) -> str:
    from django.conf import settings

    return settings.AIOPS_PUBLIC_URL


def add(world: World, kind: ChannelKind, address: str, owner: str = "", **account: str) -> Destination:
    """An account and a destination of it, a person's or a shared one."""
    providers.save_provider(actor=SYSTEM, workspace=world.workspace, kind=kind, name=str(kind), settings=account)
    whose = {"owner": world.people[owner]} if owner else {"workspace": world.workspace}
    made = destinations.create_destination(actor=SYSTEM, kind=kind, address=address, now=world.now, **whose)
    Destination.objects.filter(pk=made.pk).update(verified_at=world.now)
    return made


def is_anas(world: World, what: str) -> None:
    """Ana has it, and nobody else is ever called."""
    assert world.incident(what).acknowledged_by == "Ana"
    assert world.run(what).state == RunState.ACKNOWLEDGED
    world.advance(hours=2)
    world.phone("bo").is_silent()


def test_a_text_message_is_answered(reached: World) -> None:
    world, twilio = reached, reached.receivers.twilio
    world.fire("cpu")
    text = world.phone("ana").expects("cpu is wrong", 'Reply "ack 1"')
    sid = next(iter(twilio.sent))
    assert twilio.report(sid, "delivered").status_code == 200
    assert Delivery.objects.get().state == DeliveryState.DELIVERED

    said = twilio.reply(hook(world, ChannelKind.SMS), world.phone("ana").number, "1 ack").text
    assert f"<Message>{world.incident('cpu').name} acknowledged.\nYou have it: nobody else is called.</Message>" in said
    is_anas(world, "cpu")

    # The link in the same message still shows who was first, and a second problem has a number of its own.
    [link] = re.findall(r"http\S+/respond/\S+", text)
    assert httpx.get(link).status_code == 200 and "Ana acknowledged it 2 hours ago" in httpx.get(link).text
    world.fire("disk")
    world.phone("ana").expects("disk is wrong", 'Reply "ack 2"')
    [link] = re.findall(r"http\S+/respond/\S+", world.phone("ana").texts[-1])
    assert httpx.get(link).status_code == 200 and world.incident("disk").status == "open"
    assert httpx.post(link).status_code == 200
    is_anas(world, "disk")


def test_a_message_that_failed_after_it_was_taken_brings_the_next_level(reached: World) -> None:
    world, twilio = reached, reached.receivers.twilio
    world.fire("cpu")
    world.phone("ana").expects("cpu is wrong")
    twilio.report(next(iter(twilio.sent)), "undelivered", error_code="30003")
    world.sweep()
    world.phone("bo").expects("cpu is wrong")


def test_a_reply_by_mail(reached: World, receivers: Receivers) -> None:
    world, smtp = reached, receivers.smtp
    settings = {"host": "127.0.0.1", "port": str(smtp.port), "security": "none", "sender": "noc@example.com"}
    add(world, ChannelKind.EMAIL, "ana@example.com", "ana", **settings, inbound_domain="in.example.com")
    world.fire("cpu")
    world.phone("ana").read_all()
    page = smtp.wait()[0]
    said = page.message["Reply-To"]
    assert "If nobody acknowledges by 14:45 UTC: Bo is paged." in page.part("plain")
    answer = (
        f"From: ana@example.com\r\nTo: {said}\r\nSubject: Re: page\r\n\r\nack on it\r\n\r\n> {page.part('plain')[:40]}"
    )
    done = httpx.post(hook(world, ChannelKind.EMAIL), content=answer, headers={"Content-Type": "message/rfc822"})
    said = f"{world.incident('cpu').name} acknowledged. You have it: nobody else is called."
    assert done.json() == {"ok": True, "said": said}
    assert world.incident("cpu").acknowledge_message == "on it"
    is_anas(world, "cpu")


def test_a_click_in_slack(reached: World, receivers: Receivers) -> None:
    world, slack = reached, receivers.slack
    account = {"token": slack.token, "signing_secret": slack.signing_secret, "base_url": slack.api}
    add(world, ChannelKind.SLACK, "U0ANA", "ana", **account)
    world.fire("cpu")
    world.phone("ana").read_all()
    at, path = int(world.now.timestamp()), hook(world, ChannelKind.SLACK)
    assert slack.click(path, "acknowledge", slack.requests[0], user="U0BO", at=at).status_code == 200
    assert world.incident("cpu").status == "open" and "I do not know you" in slack.requests[-1].json["text"]
    assert slack.click(path, "acknowledge", slack.requests[0], at=at).status_code == 200
    assert slack.requests[-1].json["text"].startswith(f"{world.incident('cpu').name} acknowledged. You have it")
    is_anas(world, "cpu")


def test_pagerduty_both_ways(reached: World, receivers: Receivers) -> None:
    world, pagerduty = reached, receivers.pagerduty
    outlet = add(
        world,
        ChannelKind.PAGERDUTY,
        pagerduty.routing_key,
        base_url=pagerduty.url,
        webhook_secret=pagerduty.webhook_secret,
    )
    world.policy({"targets": ["ana", ("channel", outlet.pk)]}, {"targets": ["bo"]}, name="Both")
    world.fire("cpu")
    world.phone("ana").expects("cpu is wrong")
    [key] = pagerduty.alerts
    path = hook(world, ChannelKind.PAGERDUTY)
    assert pagerduty.webhook(path, "incident.triggered", key).json()["action_taken"] == "linked"
    assert pagerduty.webhook(path, "incident.resolved", key, secrets=("other",)).status_code == 403
    assert pagerduty.webhook(path, "incident.acknowledged", key).json()["action_taken"] == "acknowledged"
    assert world.incident("cpu").acknowledged_by == "Tenex Engineer in PagerDuty"
    world.advance(hours=1)
    assert (
        pagerduty.webhook(path, "incident.resolved", key, secrets=("old", pagerduty.webhook_secret)).status_code == 200
    )
    world.sweep()
    world.phone("ana").expects("cpu is wrong")  # may stand down
    assert [request.json["event_action"] for request in pagerduty.requests] == ["trigger"]  # no echo

    world.fire("disk")
    world.phone("ana").expects("disk is wrong")
    world.act("resolve", "disk")
    world.phone("ana").read_all()
    assert sorted(pagerduty.alerts.values()) == ["resolved", "triggered"]  # cpu was resolved over there
