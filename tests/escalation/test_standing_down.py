"""That it is over is told once, where it was read, to whom it helps; an assignment is told to whoever has it now."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from pytest_django import Settings

from aiops.access.actors import SYSTEM
from incidents.choices import Severity
from notifications.choices import ChannelKind, DeliveryState, Purpose, Urgency
from notifications.delivery.services import destinations, providers
from notifications.models import ContactRule, Delivery, Destination, QuietHours
from tests.receivers import Answer as Says
from tests.receivers import Receivers
from tests.world import World, world  # noqa: F401 - a fixture

EVENING = timedelta(hours=7, minutes=20)  # from the world's beginning, 14:30 UTC, to 21:50


def own(world: World, name: str, kind: ChannelKind, address: str) -> Destination:  # noqa: F811
    """Another way to reach somebody, proven."""
    made = destinations.create_destination(
        actor=SYSTEM, kind=kind, address=address, owner=world.people[name], now=world.now
    )
    Destination.objects.filter(pk=made.pk).update(verified_at=world.now)
    return made


def account(world: World, kind: ChannelKind, settings: dict[str, str]) -> None:  # noqa: F811
    providers.save_provider(actor=SYSTEM, workspace=world.workspace, kind=kind, name=kind, settings=settings)


def quiet(world: World, name: str) -> None:  # noqa: F811
    """From ten in the evening to seven, by their clock (UTC)."""
    QuietHours.objects.create(user=world.people[name], begins=time(22), ends=time(7))


def test_the_end_of_a_low_one_waits_for_the_morning(world: World) -> None:  # noqa: F811
    world.levels("ana")
    quiet(world, "ana")
    world.now += EVENING
    world.fire("disk", Severity.LOW)
    world.phone("ana").expects("disk is wrong")
    world.advance(hours=5, minutes=20)  # 03:10
    world.phone("ana").read_all()
    world.ends("disk")
    world.phone("ana").is_silent()
    row = Delivery.objects.get(purpose=Purpose.STAND_DOWN)
    assert (row.due_at.hour, row.urgency, row.data["note"]) == (7, Urgency.LOW, "waits for the end of the quiet hours")
    world.advance(hours=4)
    world.phone("ana").expects("Nobody answered")  # the alarm about a low one waited for the morning too
    world.phone("ana").expects("Stand down", "disk is wrong")


def test_not_even_the_end_of_a_critical_one_breaks_quiet_hours_and_a_reopened_one_is_not_over(
    world: World,  # noqa: F811
) -> None:
    world.levels("ana")
    quiet(world, "ana")
    world.now += EVENING + timedelta(hours=5)
    world.fire("cpu")
    world.phone("ana").expects("cpu is wrong")
    world.ends("cpu")
    world.phone("ana").is_silent()
    world.person("bo", phone=False)
    world.act("reopen", "cpu", by="bo")
    world.phone("ana").expects("cpu is wrong")
    world.act("resolve", "cpu")
    world.advance(hours=8)
    world.phone("ana").is_silent()  # she ended the second one herself, and the first came back
    row = Delivery.objects.get(purpose=Purpose.STAND_DOWN, episode=0)
    assert (row.state, row.reason) == (DeliveryState.SUPPRESSED, "the incident was reopened since")


def test_whoever_ended_it_knows_and_each_other_hears_it_once(world: World, receivers: Receivers) -> None:  # noqa: F811
    for name in ("ana", "bo"):
        world.person(name)
    account(world, ChannelKind.TELEGRAM, {"token": receivers.telegram.token, "base_url": receivers.telegram.url})
    own(world, "bo", ChannelKind.TELEGRAM, "42")
    world.policy({"targets": ["ana", "bo"]})
    world.fire("cpu")
    for name in ("ana", "bo"):
        world.phone(name).expects("cpu is wrong")
    world.act("resolve", "cpu", by="ana")
    world.phone("ana").is_silent()
    text = world.phone("bo").expects("Stand down", "cpu is wrong")
    assert "Reply" not in text and "/respond/" not in text
    assert len(receivers.telegram.requests) == 1, "the page alone: one word per person"
    world.advance(days=40)  # it is closed meanwhile
    world.everybody_is_silent()


def test_nobody_is_called_to_hear_that_it_is_over(world: World, receivers: Receivers) -> None:  # noqa: F811
    world.levels("ana")
    account(world, ChannelKind.VOICE, receivers.twilio.settings)
    voice = own(world, "ana", ChannelKind.VOICE, world.phone("ana").number)
    ContactRule.objects.create(user=world.people["ana"], urgency=Urgency.HIGH, destination=voice)
    world.fire("cpu")
    assert len(receivers.twilio.calls(world.phone("ana").number)) == 1
    world.ends("cpu")
    assert len(receivers.twilio.calls(world.phone("ana").number)) == 1
    assert not Delivery.objects.filter(purpose=Purpose.STAND_DOWN).exists()


def test_only_those_are_told_whom_the_page_reached(world: World, receivers: Receivers) -> None:  # noqa: F811
    world.levels("ana")
    receivers.twilio.unreachable[world.phone("ana").number] = (30003, "Unreachable")
    world.fire("cpu")
    receivers.twilio.unreachable.clear()
    world.ends("cpu")
    world.phone("ana").is_silent()


class TestSlack:
    @pytest.fixture(autouse=True)
    def _slack(self, world: World, receivers: Receivers) -> None:  # noqa: F811
        world.levels("ana")
        slack = receivers.slack
        account(
            world,
            ChannelKind.SLACK,
            {"token": slack.token, "signing_secret": slack.signing_secret, "base_url": slack.api},
        )
        own(world, "ana", ChannelKind.SLACK, "U0ANA")

    def methods(self, receivers: Receivers) -> list[str]:
        return [request.path.rpartition(".")[2] for request in receivers.slack.requests]

    def test_the_message_of_whoever_ended_it_changes_silently(self, world: World, receivers: Receivers) -> None:  # noqa: F811
        world.fire("cpu")
        world.phone("ana").expects("cpu is wrong")
        world.act("resolve", "cpu")
        assert self.methods(receivers) == ["postMessage", "update"]
        (shown,) = receivers.slack.messages.values()
        assert "It is over: resolved by Ana." in str(shown["blocks"]) and "aiops:resolve" not in str(shown["blocks"])

    def test_an_acknowledged_message_keeps_what_is_wrong_and_can_still_be_resolved(
        self,
        world: World,  # noqa: F811
        receivers: Receivers,
    ) -> None:
        world.fire("cpu", description="load is 97", links=[{"text": "Runbook", "href": "https://wiki.example.com/cpu"}])
        world.phone("ana").expects("cpu is wrong")
        world.act("acknowledge", "cpu")
        assert self.methods(receivers) == ["postMessage", "update"]
        blocks = next(iter(receivers.slack.messages.values()))["blocks"]
        said = str(blocks)
        for words in (
            "[CRITICAL]",
            "Ana has it.",
            "cpu is wrong",
            "load is 97",
            "critical, P1",
            "https://wiki.example.com/cpu",
        ):
            assert words in said
        buttons = [each["action_id"] for part in blocks if part["type"] == "actions" for each in part["elements"]]
        assert "aiops:resolve" in buttons and "aiops:acknowledge" not in buttons


class TestAssignment:
    def test_a_new_assignee_is_told_once_by_name(self, world: World, settings: Settings) -> None:  # noqa: F811
        settings.AIOPS_PUBLIC_URL = "https://aiops.example.com"
        world.levels("ana", "bo")
        world.fire("cpu")
        world.phone("ana").expects("cpu is wrong")
        world.act("acknowledge", "cpu")
        world.act("assign", "cpu", assignee=world.people["bo"])
        text = world.phone("bo").expects("Assigned to you by Ana", "CRITICAL", "cpu is wrong", "resolve 1")
        assert "ack 1" not in text, "it is acknowledged already"
        world.act("assign", "cpu", assignee=world.people["ana"])  # by herself
        world.act("assign", "cpu", assignee=world.people["bo"])
        world.phone("bo").expects("Assigned to you by Ana")  # it came back

    def test_a_low_one_waits_for_the_morning_and_goes_to_whoever_has_it_then(self, world: World) -> None:  # noqa: F811
        world.levels("ana", "bo", "cy")
        world.now += EVENING
        world.fire("disk", Severity.LOW)
        world.phone("ana").expects("disk is wrong")
        world.act("acknowledge", "disk")
        for name in ("bo", "cy"):
            quiet(world, name)
        world.advance(minutes=30)
        world.act("assign", "disk", assignee=world.people["bo"])
        world.act("assign", "disk", assignee=world.people["cy"])
        world.everybody_is_silent()
        world.advance(hours=10)
        world.phone("cy").expects("Assigned to you by Ana", "disk is wrong")

    def test_nobody_is_told_of_what_is_over_or_suppressed(self, world: World) -> None:  # noqa: F811
        world.levels("ana", "bo")
        world.fire("cpu")
        world.phone("ana").expects("cpu is wrong")
        world.act("resolve", "cpu")
        world.act("assign", "cpu", assignee=world.people["bo"])
        world.phone("bo").is_silent()


def test_an_end_that_a_provider_held_up_does_not_break_quiet_hours(world: World, receivers: Receivers) -> None:  # noqa: F811
    world.levels("ana")
    quiet(world, "ana")
    world.now += EVENING
    world.fire("disk")
    world.phone("ana").expects("disk is wrong")
    world.now += timedelta(minutes=9, seconds=58)  # 21:59:58
    receivers.twilio.fail(Says(503))
    world.ends("disk")
    world.advance(hours=1)
    world.phone("ana").is_silent()
    row = Delivery.objects.get(purpose=Purpose.STAND_DOWN)
    assert (row.state, row.due_at.hour) == (DeliveryState.PENDING, 7)
    world.advance(hours=9)
    world.phone("ana").expects("Stand down", "disk is wrong")


def test_an_end_that_waited_for_a_digest_does_not_break_quiet_hours(world: World) -> None:  # noqa: F811
    world.levels("ana")
    quiet(world, "ana")
    world.now += EVENING
    for number in range(5):
        world.fire(f"disk{number}", Severity.HIGH)
    world.advance(minutes=9, seconds=30)  # 21:59:30
    world.phone("ana").read_all()
    for number in range(5):
        world.ends(f"disk{number}")
    before_ten = world.phone("ana").read_all()
    world.advance(hours=1)
    world.phone("ana").is_silent()
    world.advance(hours=9)
    assert before_ten and world.phone("ana").read_all()
