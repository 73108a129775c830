"""A rise in severity or priority asks anew which policy, which steps and which routes apply, and calls nobody twice at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from aiops.access.actors import SYSTEM
from incidents.choices import Priority, Severity
from notifications.choices import Purpose, RunState, WakeReason
from notifications.escalation.services import policies, routes
from notifications.models import Delivery, EscalationPolicy, QuietHours
from tests.factories import minutes
from tests.world import World

CRITICAL_ONLY = {"conditions": {"severities": ["critical"]}}
P1_ONLY = {"conditions": {"priorities": ["P1"]}}


def heard(world: World, *names: str) -> list[str]:
    """What came to *names* and was not read yet."""
    return [text for name in names for text in world.phone(name).read_all()]


def other_policy(world: World, *steps: dict[str, Any], name: str = "Ladder", **rest: Any) -> EscalationPolicy:
    made = policies.create_policy(
        actor=SYSTEM,
        workspace=world.workspace,
        name=name,
        definition=world.definition(*steps, **{k: v for k, v in rest.items() if k != "severities"}),
        severities=rest.get("severities", ["critical"]),
        now=world.now,
    )
    EscalationPolicy.objects.filter(pk=made.pk).update(created_at=world.now)
    return made


class TestTheNextLevel:
    @pytest.mark.parametrize("at", [1, 7, 14])
    def test_is_never_put_off_by_a_rise(self, world: World, at: int) -> None:
        world.levels("ana", "bo")
        world.fire("cpu", Severity.LOW)
        world.advance(minutes=at)
        world.fire("cpu", Severity.HIGH)
        world.advance(minutes=15 - at)
        assert heard(world, "bo"), "level 2 is due a quarter of an hour after level 1 was told first"
        heard(world, "ana")

    def test_follows_after_its_delay_where_the_escalation_was_over(self, world: World) -> None:
        world.person("root", phone=False)
        world.levels("ana")
        world.fire("cpu", Severity.MEDIUM)
        world.advance(hours=1)
        heard(world, "ana")
        world.fire("cpu", Severity.CRITICAL)
        assert heard(world, "ana")
        world.advance(minutes=14)
        assert world.run("cpu").state == RunState.ACTIVE, "there is time to answer before the policy runs out again"
        world.advance(minutes=1)
        assert world.run("cpu").state == RunState.EXHAUSTED
        heard(world, "ana")


def test_a_fall_in_priority_has_a_stopped_policy_ask_its_rules_again(world: World) -> None:
    world.person("ana")
    world.person("bo", phone=False)
    world.policy({"targets": ["ana"], "conditions": {"priorities": ["P4"]}, "otherwise": "stop"})
    world.fire("cpu", Severity.MEDIUM)
    assert world.run("cpu").state == RunState.STOPPED
    world.act("set_priority", "cpu", by="bo", priority=Priority.P4)
    assert world.run("cpu").state == RunState.ACTIVE
    heard(world, "ana")


class TestPolicy:
    def test_the_severitys_own_policy_takes_over(self, world: World) -> None:
        for name in ("ana", "bo", "cy"):
            world.person(name)
        world.policy({"targets": ["cy"]})
        other_policy(world, {"targets": ["ana"]}, {"targets": ["bo"]}, acknowledge_minutes=30)
        world.fire("cpu", Severity.LOW)
        world.phone("cy").expects("LOW")
        world.advance(minutes=2)

        world.fire("cpu", Severity.CRITICAL)

        world.phone("ana").expects("CRITICAL")
        assert "Ladder takes over from Policy" in world.told("cpu")
        world.advance(minutes=15)
        world.phone("bo").expects("CRITICAL")
        world.act("acknowledge", "cpu", by="bo")
        assert world.run("cpu").next_step_at == world.now + minutes(30), "the new policy's time for an acknowledgement"

    def test_a_services_own_policy_stays(self, world: World) -> None:
        for name in ("ana", "cy"):
            world.person(name)
        own = other_policy(world, {"targets": ["cy"]}, name="Own", severities=[])
        policies.set_service_policy(actor=SYSTEM, service_id=world.service.pk, policy_id=own.pk)
        other_policy(world, {"targets": ["ana"]})
        world.fire("cpu", Severity.LOW)
        world.advance(minutes=6)
        heard(world, "cy")

        world.fire("cpu", Severity.CRITICAL)

        world.phone("cy").expects("CRITICAL")
        world.act("acknowledge", "cpu", by="cy")

    def test_the_same_policy_keeps_its_version(self, world: World) -> None:
        policy = world.levels("ana")
        world.person("bo")
        world.fire("cpu", Severity.HIGH)
        heard(world, "ana")
        policies.update_policy(
            actor=SYSTEM, policy_id=policy.pk, definition=world.definition({"targets": ["bo"]}), now=world.now
        )
        world.advance(minutes=6)

        world.fire("cpu", Severity.CRITICAL)

        world.phone("ana").expects("CRITICAL")
        world.act("acknowledge", "cpu")

    def test_where_no_policy_was_for_it_one_comes_in_force(self, world: World) -> None:
        world.person("ana")
        other_policy(world, {"targets": ["ana"]})
        world.fire("cpu", Severity.LOW)
        routes.ensure_default_routes(world.workspace)
        world.fire("disk", Severity.LOW)
        assert [world.incident("cpu").escalation_runs.count(), world.run("disk").reason] == [0, "no policy"]

        world.fire("cpu", Severity.CRITICAL)
        world.fire("disk", Severity.CRITICAL)

        assert [any(what in text for text in world.phone("ana").texts) for what in ("cpu", "disk")] == [True, True]
        heard(world, "ana")

    @pytest.mark.parametrize("state", ["acknowledged", "snoozed", "run out", "second cycle", "between repeats"])
    def test_whatever_the_run_does(self, world: World, state: str) -> None:
        for name in ("ana", "cy"):
            world.person(name)
        world.person("root", role=SYSTEM.everywhere)
        world.policy({"targets": ["cy"], "repeat_every_minutes": 5, "repeat_times": 2}, repeat=1)
        other_policy(world, {"targets": ["ana"]})
        world.fire("cpu", Severity.HIGH)
        if state == "acknowledged":
            world.act("acknowledge", "cpu", by="cy")
        elif state == "snoozed":
            world.act("snooze", "cpu", by="cy", duration=timedelta(hours=1))
        else:
            world.advance(minutes={"run out": 60, "second cycle": 16, "between repeats": 7}[state])
        heard(world, "ana", "cy", "root")

        world.fire("cpu", Severity.CRITICAL)

        world.phone("ana").expects("CRITICAL", "cpu")
        world.act("acknowledge", "cpu")
        heard(world, "ana", "cy", "root")


class TestSteps:
    def test_a_step_that_was_passed_over_comes_back(self, world: World) -> None:
        for name in ("ana", "bo"):
            world.person(name)
        world.policy({"targets": ["ana"], **CRITICAL_ONLY}, {"targets": ["bo"]})
        world.fire("cpu", Severity.MEDIUM)
        world.phone("bo").expects("MEDIUM")
        world.advance(minutes=2)

        world.fire("cpu", Severity.CRITICAL)

        world.phone("ana").expects("CRITICAL")
        world.everybody_is_silent()
        world.advance(minutes=15)
        world.phone("bo").expects("CRITICAL")

    def test_also_where_the_level_told_last_is_only_for_less(self, world: World) -> None:
        for name in ("ana", "bo"):
            world.person(name)
        world.policy(
            {"targets": ["ana"], **CRITICAL_ONLY},
            {"targets": ["bo"], "conditions": {"severities": ["medium", "low", "info"]}},
        )
        world.fire("cpu", Severity.MEDIUM)
        world.phone("bo").expects("MEDIUM")

        world.fire("cpu", Severity.CRITICAL)

        world.phone("ana").expects("CRITICAL")
        assert world.alarms() == []
        world.act("acknowledge", "cpu")

    def test_a_level_that_no_longer_applies_begins_the_policy_anew_rather_than_ending_it(self, world: World) -> None:
        for name in ("ana", "bo"):
            world.person(name)
        world.policy({"targets": ["ana"]}, {"targets": ["bo"], "conditions": {"severities": ["high"]}})
        world.fire("cpu", Severity.HIGH)
        world.advance(minutes=16)
        heard(world, "ana", "bo")

        world.fire("cpu", Severity.CRITICAL)

        world.phone("ana").expects("CRITICAL")
        assert world.alarms() == []
        world.act("acknowledge", "cpu")

    def test_a_priority_set_by_hand_does_the_same(self, world: World) -> None:
        for name in ("ana", "bo"):
            world.person(name)
        world.policy({"targets": ["ana"], **P1_ONLY}, {"targets": ["bo"]})
        world.fire("cpu", Severity.MEDIUM)
        world.phone("bo").expects("cpu")

        world.act("set_priority", "cpu", by="bo", priority=Priority.P1)

        world.phone("ana").expects("cpu")
        world.act("acknowledge", "cpu")

    def test_a_lower_priority_is_no_rise(self, world: World) -> None:
        world.levels("ana", "bo")
        world.fire("cpu")
        heard(world, "ana")
        world.advance(minutes=6)

        world.act("set_priority", "cpu", by="bo", priority=Priority.P3)

        world.everybody_is_silent()
        world.act("acknowledge", "cpu")

    def test_in_the_wait_before_the_first_step_it_is_told_at_once(self, world: World) -> None:
        world.person("ana")
        world.policy({"targets": ["ana"], "delay_minutes": 10})
        world.fire("cpu", Severity.HIGH)
        world.advance(minutes=3)

        world.fire("cpu", Severity.CRITICAL)

        world.phone("ana").expects("CRITICAL")
        world.act("acknowledge", "cpu")


class TestNobodyIsCalledTwice:
    def test_whoever_was_called_a_moment_ago(self, world: World) -> None:
        for name in ("ana", "bo"):
            world.person(name)
        world.policy({"targets": ["ana"]})
        other_policy(world, {"targets": ["ana", "bo"]}, {"targets": ["ana"]})
        world.fire("cpu", Severity.HIGH)
        world.phone("ana").expects("HIGH")
        world.advance(minutes=2)

        world.fire("cpu", Severity.CRITICAL)

        world.phone("bo").expects("CRITICAL")
        world.everybody_is_silent()
        assert "L1: Bo, Ana (called a moment ago)" in world.told("cpu")
        world.advance(minutes=15)
        world.phone("ana").expects("CRITICAL")

    def test_a_level_that_was_called_a_moment_ago_goes_on_as_it_was(self, world: World) -> None:
        for name in ("ana", "bo"):
            world.person(name)
        world.policy({"targets": ["ana"], "repeat_every_minutes": 6, "repeat_times": 2}, {"targets": ["bo"]})
        world.fire("cpu", Severity.HIGH)
        heard(world, "ana")
        world.advance(minutes=4)

        world.fire("cpu", Severity.CRITICAL)
        world.fire("cpu", Severity.CRITICAL)

        world.everybody_is_silent()
        run = world.run("cpu")
        assert (run.wake, run.next_step_at) == (WakeReason.REPEAT, world.now + minutes(2))
        world.advance(minutes=2)
        world.phone("ana").expects("CRITICAL")
        world.advance(minutes=9)
        world.phone("ana").expects("CRITICAL")
        world.phone("bo").expects("CRITICAL")

    def test_but_a_page_that_could_wait_is_told_again_as_one_that_cannot(self, world: World) -> None:
        world.levels("ana", "bo")
        world.fire("cpu", Severity.LOW)
        world.phone("ana").expects("LOW")
        world.advance(minutes=1)

        world.fire("cpu", Severity.CRITICAL)

        world.phone("ana").expects("CRITICAL")
        world.act("acknowledge", "cpu")

    def test_what_waits_for_the_end_of_quiet_hours_waits_no_longer(self, world: World) -> None:
        world.levels("ana", "bo")
        QuietHours.objects.create(user=world.people["ana"], begins="14:00", ends="16:00", days=[])
        world.fire("cpu", Severity.LOW)
        world.advance(minutes=1)
        world.everybody_is_silent()

        world.fire("cpu", Severity.CRITICAL)

        world.phone("ana").expects("CRITICAL")
        world.act("acknowledge", "cpu")

    def test_whoever_had_it_is_told_that_it_was_taken_back(self, world: World) -> None:
        world.levels("ana", "bo")
        world.fire("cpu", Severity.HIGH)
        world.phone("ana").expects("HIGH")
        world.act("acknowledge", "cpu")
        world.advance(minutes=1)

        world.fire("cpu", Severity.CRITICAL)

        world.phone("ana").expects("CRITICAL")
        world.act("acknowledge", "cpu")


class TestRoutes:
    def announced(self, world: World, what: str) -> list[str]:
        rows = Delivery.objects.filter(incident=world.incident(what), purpose=Purpose.ANNOUNCE).order_by("pk")
        return [row.destination.label for row in rows if row.destination is not None]

    @pytest.mark.parametrize("held", [False, True])
    def test_the_war_room_hears_and_who_heard_before_hears_nothing(self, world: World, held: bool) -> None:
        everyday, war_room, broken = world.log("everyday"), world.log("war room"), world.log("broken", enabled=False)
        for name, severities, row in (("All", [], everyday), ("Critical", ["critical"], war_room), ("B", [], broken)):
            routes.create_route(
                actor=SYSTEM, workspace=world.workspace, name=name, severities=severities, destinations=[row.pk]
            )
        world.levels("ana")
        world.fire("cpu", Severity.MEDIUM)
        assert self.announced(world, "cpu") == ["everyday"]
        if held:
            world.act("acknowledge", "cpu")

        world.fire("cpu", Severity.HIGH)
        assert self.announced(world, "cpu") == ["everyday"]
        world.fire("cpu", Severity.CRITICAL)

        assert self.announced(world, "cpu") == ["everyday", "war room"]
        world.act("acknowledge", "cpu")
        heard(world, "ana")

    def test_without_any_policy_too(self, world: World) -> None:
        war_room = world.log("war room")
        routes.create_route(
            actor=SYSTEM, workspace=world.workspace, name="C", severities=["critical"], destinations=[war_room.pk]
        )
        world.fire("cpu", Severity.MEDIUM)

        world.fire("cpu", Severity.CRITICAL)

        assert self.announced(world, "cpu") == ["war room"]

    def test_what_slept_when_its_routes_were_asked_is_announced_when_it_wakes(self, world: World) -> None:
        war_room = world.log("war room")
        routes.create_route(
            actor=SYSTEM, workspace=world.workspace, name="C", severities=["critical"], destinations=[war_room.pk]
        )
        world.levels("ana")
        world.fire("cpu", Severity.MEDIUM)
        world.act("snooze", "cpu", duration=timedelta(hours=1))

        world.fire("cpu", Severity.CRITICAL)

        assert self.announced(world, "cpu") == ["war room"]
        world.act("acknowledge", "cpu")
        heard(world, "ana")


class TestUrgencyIsKept:
    @pytest.mark.parametrize("severity", [Severity.LOW, Severity.INFO])
    def test_the_end_of_a_low_policy_waits_for_quiet_hours(self, world: World, severity: Severity) -> None:
        world.now = world.now.replace(hour=21, minute=50)
        world.person("root", role=SYSTEM.everywhere)
        world.levels("ana")
        for name in ("ana", "root"):
            QuietHours.objects.create(user=world.people[name], begins="22:00", ends="07:00", days=[])
        world.fire("cpu", severity)
        heard(world, "ana")

        world.advance(hours=8)
        world.everybody_is_silent()

        [alarm] = world.alarms()
        assert alarm.severity == severity
        world.advance(hours=2)
        assert any("NOBODY ANSWERED" in text for text in heard(world, "root"))
        assert any("Nobody answered" in text for text in heard(world, "ana"))

    def test_one_urgent_incident_makes_the_alarm_urgent(self, world: World) -> None:
        world.levels("ana")
        world.fire("disk", Severity.LOW)
        world.fire("cpu", Severity.LOW)
        world.act("set_priority", "cpu", priority=Priority.P1)
        world.advance(minutes=30)

        [alarm] = world.alarms()
        assert alarm.severity == Severity.HIGH
        heard(world, "ana")

    def test_the_alarm_does_not_take_the_priority_of_the_default_service(self, world: World) -> None:
        world.levels("ana")
        world.fire("disk", Severity.LOW)
        world.service.default_priority = Priority.P1
        world.service.save()
        world.advance(minutes=15)

        [alarm] = world.alarms()
        assert (alarm.severity, alarm.priority) == (Severity.LOW, Priority.P4)
        heard(world, "ana")

    def test_a_step_that_is_always_urgent_has_an_urgent_end(self, world: World) -> None:
        world.person("ana")
        world.policy({"targets": ["ana"], "urgency": "high"})
        world.fire("disk", Severity.LOW)
        world.advance(minutes=15)

        [alarm] = world.alarms()
        assert alarm.severity == Severity.HIGH
        heard(world, "ana")
