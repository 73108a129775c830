"""An escalation never falls silent: whatever was decided before, a rise, a return and *Escalate* are for people again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from aiops.access.actors import Role
from incidents.choices import Priority, Severity, Status
from notifications.choices import RunState
from notifications.escalation.services import policies
from tests.world import World

STOPS: list[Any] = [
    pytest.param({"stop": {"below_severity": "critical"}}, id="below a severity"),
    pytest.param({"stop": {"after_minutes": 10}}, id="after some time"),
    pytest.param({}, id="run out"),
]


def heard(world: World, *names: str) -> list[str]:
    """What came to *names* and was not read yet."""
    return [text for name in names for text in world.phone(name).read_all()]


def at_its_end(world: World, **policy: Any) -> None:
    """An incident whose policy was stopped, or has run out, hours ago; the alarm about it has run out too."""
    world.person("root", role=Role.ADMIN)
    world.levels("ana", **policy)
    world.fire("cpu", Severity.HIGH)
    world.advance(hours=5)
    heard(world, "ana", "root")
    assert world.run("cpu").next_step_at is None


@pytest.mark.parametrize("policy", STOPS)
def test_a_rise_pages_again(world: World, policy: dict[str, Any]) -> None:
    at_its_end(world, **policy)

    world.fire("cpu", Severity.CRITICAL)

    assert any("CRITICAL" in text and "cpu" in text for text in heard(world, "ana"))
    world.advance(hours=2)
    heard(world, "ana", "root")


@pytest.mark.parametrize("policy", STOPS)
def test_escalating_by_hand_tells_somebody(world: World, policy: dict[str, Any]) -> None:
    at_its_end(world, **policy)

    world.act("escalate", "cpu")

    assert any("cpu" in text for text in heard(world, "ana", "root"))
    world.advance(hours=2)
    heard(world, "ana", "root")


@pytest.mark.parametrize("policy", STOPS)
def test_given_back_it_pages_again(world: World, policy: dict[str, Any]) -> None:
    at_its_end(world, **policy)
    world.act("acknowledge", "cpu")
    assert world.run("cpu").state == RunState.ACKNOWLEDGED
    world.advance(hours=5)
    heard(world, "ana", "root")

    world.act("unacknowledge", "cpu")

    assert any("cpu" in text for text in heard(world, "ana"))
    world.advance(hours=2)
    heard(world, "ana", "root")


@pytest.mark.parametrize("policy", STOPS)
def test_an_acknowledgement_runs_out(world: World, policy: dict[str, Any]) -> None:
    at_its_end(world, acknowledge_minutes=30, **policy)
    world.act("acknowledge", "cpu")

    world.advance(minutes=29)
    assert heard(world, "ana", "root") == []
    world.advance(minutes=1)

    assert world.incident("cpu").status == Status.OPEN
    assert any("cpu" in text for text in heard(world, "ana"))
    world.advance(hours=2)
    heard(world, "ana", "root")


@pytest.mark.parametrize("policy", STOPS[1:])
def test_a_snooze_after_the_end_pages_again_when_it_is_over(world: World, policy: dict[str, Any]) -> None:
    at_its_end(world, **policy)
    world.act("snooze", "cpu", duration=timedelta(hours=2))
    world.advance(hours=1, minutes=59)
    assert heard(world, "ana", "root") == []

    world.advance(minutes=1)

    assert any("cpu" in text for text in heard(world, "ana"))
    world.advance(hours=2)
    heard(world, "ana", "root")


def test_a_rise_below_the_policys_severity_is_no_reason(world: World) -> None:
    world.levels("ana", stop={"below_severity": "high"})
    world.fire("cpu", Severity.LOW)
    world.fire("cpu", Severity.MEDIUM)

    assert world.run("cpu").state == RunState.STOPPED


def test_escalating_goes_past_a_step_that_would_stop_it(world: World) -> None:
    for name in ("ana", "bo"):
        world.person(name)
    stops = {"conditions": {"severities": ["critical"]}, "otherwise": "stop"}
    world.policy({"targets": ["ana"], **stops}, {"targets": ["bo"]})
    world.fire("cpu", Severity.HIGH)
    assert world.run("cpu").state == RunState.STOPPED

    world.act("escalate", "cpu")

    world.phone("bo").expects("cpu")
    world.act("acknowledge", "cpu")


def test_what_is_held_asleep_and_rises_is_taken_back_and_woken(world: World) -> None:
    world.levels("ana", "bo")
    world.fire("cpu", Severity.HIGH)
    world.act("acknowledge", "cpu", by="bo")
    world.act("snooze", "cpu", duration=timedelta(hours=8))
    heard(world, "ana")

    world.fire("cpu", Severity.CRITICAL)

    world.phone("ana").expects("CRITICAL", "cpu")
    assert (world.incident("cpu").status, world.incident("cpu").snoozed_until) == (Status.OPEN, None)


def test_escalating_without_any_policy_reaches_the_admins(world: World) -> None:
    world.person("root", role=Role.ADMIN)
    world.fire("cpu")
    assert not world.incident("cpu").escalation_runs.exists()

    world.act("escalate", "cpu", by="root")

    world.phone("root").expects("NOBODY IS TOLD", "cpu")
    assert world.run("cpu").reason == "no escalation policy is in force"
    world.act("escalate", "cpu", by="root")
    world.phone("root").expects("NOBODY IS TOLD", "cpu")


def test_a_reopened_incident_whose_policy_had_run_out_starts_anew(world: World) -> None:
    at_its_end(world)
    world.act("resolve", "cpu")
    heard(world, "ana", "root")

    world.act("reopen", "cpu")

    world.phone("ana").expects("cpu is wrong")
    assert (world.run("cpu").episode, world.run("cpu").state) == (1, RunState.ACTIVE)


def test_a_policy_is_not_removed_under_an_incident_that_may_need_it(world: World) -> None:
    at_its_end(world)

    with pytest.raises(policies.Conflict, match="still going on"):
        policies.delete_policy(actor=world.actor("root"), policy_id=world.run("cpu").version.policy_id)

    world.act("resolve", "cpu")
    heard(world, "ana", "root")


class TestWhyItRanOut:
    def test_everybody_was_told(self, world: World) -> None:
        at_its_end(world)
        assert world.run("cpu").reason == "everybody was told and nobody answered"

    def test_nobody_could_be_reached(self, world: World) -> None:
        world.person("root", role=Role.ADMIN)
        world.person("ana", phone=False, email="")
        world.policy({"targets": ["ana"]})

        world.fire("cpu")
        world.advance(minutes=15)

        assert world.run("cpu").reason == "nobody could be reached"
        world.phone("root").expects("NOBODY COULD BE REACHED", "cpu")
        assert [alarm.title for alarm in world.alarms()] == [
            "Nobody could be reached: escalation policy “Policy” has run out"
        ]
        assert not any("ANSWERED" in text for text in heard(world, "root")), "nobody was told of the alarm either"

    def test_a_log_that_was_told_is_nobody(self, world: World) -> None:
        world.person("root", role=Role.ADMIN)
        log = world.log("ops")
        world.policy({"targets": [("channel", log.pk)]})

        world.fire("cpu")
        world.advance(minutes=15)

        assert world.run("cpu").reason == "nobody could be reached"
        world.phone("root").expects("NOBODY COULD BE REACHED")

    def test_no_step_applies(self, world: World) -> None:
        world.person("root", role=Role.ADMIN)
        world.person("ana")
        world.policy({"targets": ["ana"], "conditions": {"severities": ["critical"]}})

        world.fire("cpu", Severity.MEDIUM)

        assert world.run("cpu").reason == "no step of the policy applies"
        assert world.told("cpu")[:2] == ["L1 skipped", "Policy tells nobody"]
        said = heard(world, "root")
        assert not any("ANSWERED" in text for text in said)
        assert "NOBODY IS TOLD MEDIUM" in said[0]
        assert [alarm.title for alarm in world.alarms()] == [
            "Nobody is told: no step of escalation policy “Policy” applies"
        ]

        world.fire("cpu", Severity.CRITICAL)

        assert "CRITICAL" in heard(world, "ana")[-1]
        world.act("acknowledge", "cpu")
        heard(world, "root")


def test_priority_raised_by_somebody_else_takes_it_back_and_by_the_owner_does_not(world: World) -> None:
    world.levels("ana", "bo")
    world.fire("cpu", Severity.MEDIUM)
    world.act("acknowledge", "cpu", by="ana")
    heard(world, "ana")

    world.act("set_priority", "cpu", by="ana", priority=Priority.P2)
    assert world.incident("cpu").status == Status.ACKNOWLEDGED

    world.act("set_priority", "cpu", by="bo", priority=Priority.P1)
    assert world.incident("cpu").status == Status.OPEN
    assert "the priority rose" in world.reasons("cpu")
    world.phone("ana").expects("cpu")
