"""Who hears of it where people sleep, have left, or can't be reached any more; and that what is foretold happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from aiops.access.actors import SYSTEM, Role
from aiops.access.models import Membership, User
from incidents.choices import Severity
from notifications.choices import ChannelKind, DeliveryState, Purpose
from notifications.delivery.services import destinations
from notifications.escalation.selectors.next_steps import next_steps, spoken
from notifications.escalation.services import endings, whatif
from notifications.escalation.services.defaults import ensure_paging
from notifications.models import ContactRule, Delivery, Destination, QuietHours
from notifications.watch.services import auditor
from tests.escalation.test_rises import CRITICAL_ONLY, heard
from tests.world import World


def asleep(world: World, *names: str) -> None:
    """It is 23:00, and these people sleep until 07:00."""
    world.now = world.now.replace(hour=23, minute=0)
    for name in names:
        QuietHours.objects.create(user=world.people[name], begins="22:00", ends="07:00", days=[])


def foretold(world: World, severity: Severity) -> list[tuple[int, str]]:
    lines = whatif.what_if(actor=SYSTEM, service_id=world.service.pk, at=world.now, severity=severity)
    return sorted((line.minutes, line.who) for line in lines if line.what in ("told", "fallback") and line.user_id)


def happened(world: World, what: str) -> list[tuple[int, str]]:
    began = world.incident(what).created_at
    rows = Delivery.objects.filter(incident=world.incident(what), purpose__in=[Purpose.PAGE, Purpose.FALLBACK])
    people = rows.filter(recipient__isnull=False).select_related("recipient")
    return sorted((int((row.due_at - began) / timedelta(minutes=1)), row.recipient.display_name) for row in people)


def shared(world: World, kind: ChannelKind, address: str) -> Destination:
    made = destinations.create_destination(
        actor=SYSTEM, kind=kind, address=address, label="NOC", workspace=world.workspace, now=world.now
    )
    Destination.objects.filter(pk=made.pk).update(verified_at=world.now)
    return made


class TestAsleep:
    @pytest.mark.parametrize("severity", [Severity.INFO, Severity.LOW, Severity.MEDIUM])
    def test_a_log_beside_them_is_nobody_for_whom_the_policy_goes_on(self, world: World, severity: Severity) -> None:
        world.person("root", role=Role.ADMIN)
        world.person("ana")
        asleep(world, "root", "ana")
        world.policy({"targets": ["ana", ("channel", world.log("Log").pk)]})
        expected = foretold(world, severity)

        world.fire("cpu", severity)
        world.advance(hours=7, minutes=59)

        assert world.alarms() == []
        assert "Policy has run out" not in world.told("cpu")
        world.everybody_is_silent()
        world.advance(minutes=1)
        world.phone("ana").expects("cpu is wrong")
        world.advance(hours=1)
        assert happened(world, "cpu") == expected
        assert "everybody was told and nobody answered" in world.reasons("cpu")
        heard(world, "ana", "root")

    def test_nor_in_the_policy_with_which_a_workspace_starts(self, world: World) -> None:
        world.person("root", role=Role.ADMIN)
        asleep(world, "root")
        ensure_paging(world.workspace, world.now)
        expected = foretold(world, Severity.LOW)

        world.fire("cpu", Severity.LOW)
        world.advance(hours=8)

        assert len(heard(world, "root")) == 1, "no pile of pages when they wake"
        world.advance(hours=2)
        assert happened(world, "cpu") == expected
        heard(world, "root")

    def test_a_log_alone_waits_as_before(self, world: World) -> None:
        world.policy({"targets": [("channel", world.log("Log").pk)]}, {"targets": [("channel", world.log("Two").pk)]})
        world.fire("cpu", Severity.LOW)
        world.advance(minutes=14)
        assert world.told("cpu")[0] == "L1: Log"
        assert "L2: Two" not in world.told("cpu")

    def test_a_loud_step_that_was_passed_over_makes_no_loud_end_in_the_what_if_either(self, world: World) -> None:
        world.person("root", role=Role.ADMIN)
        world.person("ana")
        asleep(world, "root")
        world.policy({"targets": ["ana"], "urgency": "high", **CRITICAL_ONLY}, {"targets": ["ana"]})
        expected = foretold(world, Severity.LOW)

        world.fire("cpu", Severity.LOW)
        world.advance(hours=9)

        assert happened(world, "cpu") == expected == [(0, "Ana"), (480, "Root")]
        heard(world, "ana", "root")

    def test_what_is_next_says_when_they_wake(self, world: World) -> None:
        world.levels("ana", "bo")
        asleep(world, "bo")
        incident = world.fire("cpu", Severity.LOW)
        seven = world.now + timedelta(hours=8)

        step = next_steps([incident.pk], now=world.now, incidents={incident.pk: incident})[incident.pk]
        said = spoken([incident.pk], now=world.now)[incident.pk]

        assert (step.text, step.at) == ("pages Bo", seven)
        assert said == "If nobody acknowledges by 23:15 UTC: Bo is paged at 07:00 UTC."
        world.advance(hours=7, minutes=59)
        world.phone("bo").is_silent()
        world.advance(minutes=1)
        world.phone("bo").expects("cpu is wrong")
        heard(world, "ana")

    def test_what_is_next_says_it_of_the_end_too(self, world: World) -> None:
        world.person("root", role=Role.ADMIN)
        world.levels("ana")
        asleep(world, "root")
        incident = world.fire("cpu", Severity.LOW)

        step = next_steps([incident.pk], now=world.now, incidents={incident.pk: incident})[incident.pk]

        assert (step.text, step.at) == ("tells Root", world.now + timedelta(hours=8))
        world.advance(hours=8)
        world.phone("root").expects("NOBODY ANSWERED")
        heard(world, "ana", "root")


class TestFallback:
    def test_one_that_lacks_an_account_is_none(self, world: World) -> None:
        world.person("root", role=Role.ADMIN)
        world.person("ana")
        box = shared(world, ChannelKind.EMAIL, "noc@example.com")
        world.policy({"targets": ["ana"]}, fallback_destinations=[box.pk])
        expected = foretold(world, Severity.CRITICAL)

        incident = world.fire("cpu")

        assert (
            next_steps([incident.pk], now=world.now, incidents={incident.pk: incident})[incident.pk].text
            == "tells Root"
        )
        world.advance(minutes=15)
        world.phone("root").expects("NOBODY ANSWERED", "cpu is wrong")
        assert happened(world, "cpu") == expected
        heard(world, "ana")

    def test_where_none_of_it_arrives_the_admins_are_told(self, world: World) -> None:
        world.person("root", role=Role.ADMIN)
        world.person("ana")
        gone, off = (shared(world, ChannelKind.SMS, f"+1555777000{n}") for n in range(2))
        world.policy({"targets": ["ana"]}, fallback_destinations=[gone.pk, off.pk])
        world.fire("cpu")
        world.receivers.twilio.unreachable |= dict.fromkeys(("+15557770000", "+15557770001"), (21211, "Not valid."))

        world.advance(minutes=15)

        assert any("NOBODY ANSWERED" in text for text in heard(world, "root"))
        ends = Delivery.objects.filter(incident=world.incident("cpu"), purpose=Purpose.FALLBACK)
        assert list(ends.order_by("pk").values_list("recipient", "state")) == [
            (None, DeliveryState.FAILED_PERMANENT),
            (None, DeliveryState.FAILED_PERMANENT),
            (world.people["root"].pk, DeliveryState.SENT),
        ]
        heard(world, "ana")

    def test_one_that_does_not_answer_holds_up_nobody_for_hours(self, world: World) -> None:
        world.person("root", role=Role.ADMIN)
        world.person("ana")
        hook = shared(world, ChannelKind.WEBHOOK, "http://127.0.0.1:9/nobody-listens")
        world.policy({"targets": ["ana"]}, fallback_destinations=[hook.pk])
        world.fire("cpu")

        world.advance(minutes=17)

        assert len([text for text in heard(world, "root") if "NOBODY ANSWERED" in text]) == 1
        world.advance(minutes=10)
        assert not any("cpu is wrong" in text for text in heard(world, "root")), "once"
        heard(world, "ana")

    def test_where_some_of_it_arrives_they_are_not(self, world: World) -> None:
        world.person("root", role=Role.ADMIN)
        world.person("ana")
        gone, works = (shared(world, ChannelKind.SMS, f"+1555777000{n}") for n in range(2))
        world.policy({"targets": ["ana"]}, fallback_destinations=[gone.pk, works.pk])
        world.fire("cpu")
        world.receivers.twilio.unreachable["+15557770000"] = (21211, "Not valid.")

        world.advance(minutes=15)

        assert not any("NOBODY ANSWERED" in text for text in heard(world, "root"))
        heard(world, "ana")


class TestGone:
    @pytest.mark.parametrize("how", ["removed", "switched off"])
    @pytest.mark.parametrize("waits", ["asleep", "by their rule"])
    def test_whoever_left_hears_nothing_and_the_next_is_told_instead(self, world: World, how: str, waits: str) -> None:
        world.levels("ana", "bo")
        ana = world.people["ana"]
        if waits == "asleep":
            asleep(world, "ana")
            severity, until = Severity.LOW, timedelta(hours=8)
        else:
            severity, until = Severity.CRITICAL, timedelta(minutes=10)
            own = Destination.objects.get(owner=ana)
            ContactRule.objects.create(user=ana, urgency="high", delay_minutes=10, destination=own)
        world.fire("cpu", severity)
        world.advance(minutes=1)
        if how == "removed":
            Membership.objects.filter(user=ana).delete()
        else:
            User.objects.filter(pk=ana.pk).update(is_active=False)

        world.advance(seconds=until.total_seconds() - 60)

        world.phone("ana").is_silent()
        world.phone("bo").expects("cpu is wrong")
        assert "Could not tell Ana by SMS (+15550000001)" in world.told("cpu")


def test_a_step_that_comes_back_for_people_who_were_just_called_puts_nobody_off(world: World) -> None:
    for name in ("ana", "bo"):
        world.person(name)
    world.policy({"targets": ["ana"], **CRITICAL_ONLY}, {"targets": ["ana"]}, {"targets": ["bo"]})
    world.fire("cpu", Severity.HIGH)
    world.advance(minutes=2)

    world.fire("cpu", Severity.CRITICAL)

    assert "L1: Ana (called a moment ago)" in world.told("cpu")
    world.advance(minutes=12)
    world.phone("bo").is_silent()
    world.advance(minutes=1)
    world.phone("bo").expects("CRITICAL")
    assert len(heard(world, "ana")) == 1


def test_a_step_that_comes_back_for_others_is_told(world: World) -> None:
    for name in ("ana", "bo", "cy"):
        world.person(name)
    levels: list[dict[str, Any]] = [
        {"targets": ["ana"], **CRITICAL_ONLY},
        {"targets": ["cy"], **CRITICAL_ONLY},
        {"targets": ["ana"]},
        {"targets": ["bo"]},
    ]
    world.policy(*levels)
    world.fire("cpu", Severity.HIGH)
    world.advance(minutes=2)

    world.fire("cpu", Severity.CRITICAL)

    world.phone("cy").expects("CRITICAL")
    heard(world, "ana")


class TestTheAlarmThatAPolicyHasRunOut:
    def ran_out(self, world: World, *what: str) -> None:
        world.person("root", role=Role.ADMIN)
        world.levels("ana", "bo")
        for each in what:
            world.fire(each)
        world.advance(minutes=31)
        heard(world, "ana", "bo", "root")
        assert len(world.alarms()) == 1

    @pytest.mark.parametrize("verb", ["acknowledge", "investigate", "snooze", "resolve", "close"])
    def test_it_wakes_nobody_else_once_somebody_has_the_incident(self, world: World, verb: str) -> None:
        self.ran_out(world, "cpu")

        world.act(verb, "cpu", **({"duration": timedelta(hours=8)} if verb == "snooze" else {}))
        world.advance(minutes=1)
        assert endings.end_alarms(world.now) == 1
        world.sweep()
        assert all("Stand down" in text for text in heard(world, "ana", "bo", "root"))
        world.advance(hours=2)

        assert world.alarms() == []
        world.everybody_is_silent()

    def test_it_stays_while_one_of_its_incidents_waits(self, world: World) -> None:
        self.ran_out(world, "cpu", "disk")
        world.act("acknowledge", "cpu")
        world.advance(minutes=5)

        assert endings.end_alarms(world.now) == 0

        assert len(world.alarms()) == 1
        world.act("acknowledge", "disk")
        assert endings.end_alarms(world.now) == 1
        heard(world, "ana", "bo", "root")

    def test_given_back_and_run_out_again_it_returns(self, world: World) -> None:
        self.ran_out(world, "cpu")
        world.act("acknowledge", "cpu")
        world.advance(minutes=5)
        endings.end_alarms(world.now)
        world.act("unacknowledge", "cpu")
        heard(world, "ana", "bo", "root")

        world.advance(minutes=15)

        assert len(world.alarms()) == 1
        assert any("NOBODY ANSWERED" in text for text in heard(world, "root"))
        assert auditor.violations(world.now, timedelta(0)) == []
        heard(world, "ana", "bo")
