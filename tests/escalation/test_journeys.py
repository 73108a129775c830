"""What happens between an alert and somebody's answer, told as it is promised."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from aiops.access.actors import SYSTEM, Role
from aiops.access.models import Membership
from incidents.choices import Severity, Status
from incidents.models import Incident
from notifications.choices import ChannelKind, DeliveryState, Purpose, RotationUnit, RunState, Urgency, WakeReason
from notifications.delivery.services import preferences
from notifications.escalation.services import policies, routes
from notifications.models import Delivery, Destination, QuietHours
from notifications.oncall.services.schedules import LayerDraft, ScheduleDraft, create_schedule
from tests.world import World


def test_level_by_level_until_it_ends_loudly(world: World) -> None:
    world.person("root", role=Role.ADMIN)
    world.levels("ana", "bo", "cy")

    world.fire("cpu")
    world.phone("ana").expects("cpu is wrong")
    assert world.incident("cpu").escalated_at is None, "the first page is no escalation"

    world.advance(minutes=14, seconds=59)
    world.everybody_is_silent()
    world.advance(seconds=1)
    world.phone("bo").expects("cpu is wrong")
    assert world.incident("cpu").escalated_at == world.now

    world.advance(minutes=15)
    world.phone("cy").expects("cpu is wrong")
    world.advance(minutes=15)

    assert world.run("cpu").state == RunState.EXHAUSTED
    world.phone("root").expects("NOBODY ANSWERED", "cpu is wrong")  # the fallback: the admins
    world.phone("ana").expects("Nobody answered")  # the internal incident has an escalation of its own
    assert [alarm.title for alarm in world.alarms()] == ["Nobody answered: escalation policy “Policy” has run out"]
    assert world.told("cpu")[0] == "L1: Ana"
    assert "Policy has run out" in world.told("cpu")


def test_an_internal_incident_that_nobody_answers_raises_no_further_one(world: World) -> None:
    world.person("root", role=Role.ADMIN)
    world.levels("ana")

    world.fire("cpu")
    world.advance(minutes=15)  # cpu has run out
    world.advance(hours=5)  # and so has the alarm about it

    assert len(world.alarms()) == 1
    world.phone("ana").expects("cpu is wrong")
    world.phone("ana").expects("Nobody answered")
    world.phone("root").expects("NOBODY ANSWERED", "cpu is wrong")
    world.phone("root").expects("NOBODY ANSWERED", "Nobody answered")


def test_whoever_acknowledges_stops_it_in_the_same_transaction(world: World) -> None:
    world.levels("ana", "bo")
    ana, phone = world.people["ana"], Destination.objects.get(owner=world.people["ana"])
    mail = Destination.objects.create(owner=ana, kind="email", label="mail", verified_at=world.now)
    preferences.set_contact_rules(
        actor=world.actor("ana"), user=ana, urgency=Urgency.HIGH, rules=[(0, phone.pk), (5, mail.pk)]
    )
    world.fire("cpu")
    world.phone("ana").expects("cpu is wrong")

    world.act("acknowledge", "cpu", by="ana")

    run = world.run("cpu")
    assert (run.state, run.next_step_at) == (RunState.ACKNOWLEDGED, None)
    waiting = Delivery.objects.get(due_at__gt=world.now)
    assert (waiting.state, waiting.reason) == (DeliveryState.SUPPRESSED, "acknowledged by Ana before it was sent")
    world.advance(days=2)


@pytest.mark.parametrize("verb", ["investigate", "acknowledge"])
def test_whoever_gives_it_back_is_paged_again_and_then_the_next(world: World, verb: str) -> None:
    world.levels("ana", "bo", "cy")
    world.fire("cpu")
    world.advance(minutes=15)
    world.phone("ana").expects("cpu")
    world.phone("bo").expects("cpu")
    world.act(verb, "cpu", by="bo")
    world.advance(hours=3)

    world.act("unacknowledge", "cpu", by="bo")

    world.phone("bo").expects("cpu is wrong")  # the level that was told last
    world.advance(minutes=15)
    world.phone("cy").expects("cpu is wrong")
    assert "Escalation goes on" in world.told("cpu")


def test_snoozed_is_silent_and_then_the_same_level_is_told_again(world: World) -> None:
    world.levels("ana", "bo")
    world.fire("cpu")
    world.phone("ana").expects("cpu")

    world.act("snooze", "cpu", duration=timedelta(hours=2), reason="deploying")
    assert world.run("cpu").state == RunState.PAUSED
    world.advance(hours=1, minutes=59)
    world.everybody_is_silent()
    world.advance(minutes=1)
    world.phone("ana").expects("cpu")
    world.advance(minutes=15)
    world.phone("bo").expects("cpu")


def test_waking_it_by_hand_does_the_same(world: World) -> None:
    world.levels("ana", "bo")
    world.fire("cpu")
    world.phone("ana").expects("cpu")
    world.act("snooze", "cpu", duration=timedelta(hours=2))
    world.advance(minutes=20)

    world.act("unsnooze", "cpu")

    world.phone("ana").expects("cpu")


def test_given_back_while_it_is_snoozed_it_stays_silent_until_it_wakes(world: World) -> None:
    world.levels("ana", "bo")
    world.fire("cpu")
    world.phone("ana").expects("cpu")
    world.act("acknowledge", "cpu")
    world.act("snooze", "cpu", duration=timedelta(hours=1))

    world.act("unacknowledge", "cpu")
    world.advance(minutes=59)
    world.everybody_is_silent()
    world.advance(minutes=1)

    world.phone("ana").expects("cpu")


def test_acknowledged_before_the_snooze_it_is_still_theirs_after_it(world: World) -> None:
    world.levels("ana", "bo", acknowledge_minutes=90)
    world.fire("cpu")
    world.phone("ana").expects("cpu")
    world.act("acknowledge", "cpu")
    world.act("snooze", "cpu", duration=timedelta(hours=1))

    world.advance(hours=1, minutes=30)
    assert world.run("cpu").state == RunState.ACKNOWLEDGED
    world.advance(hours=1)  # …but not for ever: the lease began anew when it woke

    world.phone("ana").expects("cpu")


def test_when_it_is_over_everybody_who_was_told_hears_it_and_nobody_else(world: World) -> None:
    world.levels("ana", "bo", "cy")
    world.fire("cpu")
    world.advance(minutes=15)
    for name in ("ana", "bo"):
        world.phone(name).expects("cpu is wrong")

    world.ends("cpu")

    for name in ("ana", "bo"):
        world.phone(name).expects("Stand down", "cpu is wrong")
    assert world.run("cpu").state == RunState.ENDED
    world.advance(days=1)


def test_a_reopened_incident_begins_a_new_episode_over_what_the_policy_says_now(world: World) -> None:
    policy = world.levels("ana", "bo")
    world.person("cy")
    world.fire("cpu")
    world.phone("ana").expects("cpu")
    world.act("resolve", "cpu")
    world.phone("ana").is_silent()  # she ended it herself
    policies.update_policy(
        actor=SYSTEM, policy_id=policy.pk, definition=world.definition({"targets": ["cy"]}), now=world.now
    )

    world.act("reopen", "cpu")

    world.phone("cy").expects("cpu is wrong")
    assert (world.run("cpu").episode, world.run("cpu").version.number) == (1, 2)


def test_a_run_keeps_the_policy_with_which_it_began(world: World) -> None:
    policy = world.levels("ana", "bo")
    world.person("cy")
    world.fire("cpu")
    world.phone("ana").expects("cpu")

    policies.update_policy(
        actor=SYSTEM,
        policy_id=policy.pk,
        definition=world.definition({"targets": ["cy"]}),
        enabled=False,
        now=world.now,
    )
    world.advance(minutes=15)

    world.phone("bo").expects("cpu")
    world.act("acknowledge", "cpu")


def test_a_rise_in_severity_tells_the_current_level_again(world: World) -> None:
    world.levels("ana", "bo")
    world.fire("cpu", severity=Severity.HIGH)
    world.phone("ana").expects("HIGH")

    world.advance(minutes=5)
    world.fire("cpu", severity=Severity.CRITICAL)

    world.phone("ana").expects("CRITICAL")
    world.advance(minutes=15)
    world.phone("bo").expects("CRITICAL")


def test_a_rise_in_severity_takes_it_back_from_whoever_acknowledged_less(world: World) -> None:
    world.levels("ana", "bo")
    world.fire("cpu", severity=Severity.HIGH)
    world.phone("ana").expects("HIGH")
    world.act("acknowledge", "cpu")

    world.fire("cpu", severity=Severity.CRITICAL)

    world.phone("ana").expects("CRITICAL")
    assert world.incident("cpu").status == Status.OPEN
    assert "the severity rose" in world.reasons("cpu")


def test_a_rise_in_severity_ends_a_snooze(world: World) -> None:
    world.levels("ana", "bo")
    world.fire("cpu", severity=Severity.HIGH)
    world.phone("ana").expects("HIGH")
    world.act("snooze", "cpu", duration=timedelta(hours=8))

    world.fire("cpu", severity=Severity.CRITICAL)

    world.phone("ana").expects("CRITICAL")
    assert not world.incident("cpu").is_snoozed(world.now)


def test_a_mere_repeat_pages_nobody(world: World) -> None:
    world.levels("ana", "bo")
    world.fire("cpu")
    world.phone("ana").expects("cpu")
    for _ in range(3):
        world.fire("cpu")
        world.advance(minutes=4)


def test_escalating_by_hand_goes_one_level_on_each_time_and_ends_loudly(world: World) -> None:
    world.person("root", role=Role.ADMIN)
    world.levels("ana", "bo", "cy")
    world.fire("cpu")
    world.phone("ana").expects("cpu")

    world.act("escalate", "cpu", reason="it is the network")
    world.phone("bo").expects("cpu")
    world.act("escalate", "cpu")
    world.phone("cy").expects("cpu")
    world.act("escalate", "cpu")

    world.phone("root").expects("NOBODY ANSWERED")
    world.phone("ana").expects("Nobody answered")
    assert world.run("cpu").state == RunState.EXHAUSTED


def test_escalating_what_somebody_has_takes_it_to_the_next_level(world: World) -> None:
    world.levels("ana", "bo")
    world.fire("cpu")
    world.phone("ana").expects("cpu")
    world.act("acknowledge", "cpu")

    world.act("escalate", "cpu", by="ana")

    world.phone("bo").expects("cpu")
    assert world.incident("cpu").status == Status.OPEN
    assert world.incident("cpu").escalated_at is not None


def test_an_acknowledgement_is_a_lease_that_its_owners_work_renews(world: World) -> None:
    world.levels("ana", "bo", acknowledge_minutes=30)
    world.fire("cpu")
    world.phone("ana").expects("cpu")
    world.act("acknowledge", "cpu", by="ana")
    assert world.run("cpu").wake == WakeReason.LEASE

    world.advance(minutes=20)
    world.act("add_note", "cpu", by="ana", content="it is the disk")
    world.advance(minutes=20)
    world.act("add_note", "cpu", by="bo", content="really?")  # somebody else's work renews nothing
    world.advance(minutes=9)
    world.everybody_is_silent()
    world.advance(minutes=1)

    world.phone("ana").expects("cpu is wrong")
    assert world.incident("cpu").status == Status.OPEN
    assert "the acknowledgement ran out" in world.reasons("cpu")
    world.act("acknowledge", "cpu", by="bo")  # and a new one is a new lease
    world.advance(minutes=29)
    world.everybody_is_silent()
    world.advance(minutes=1)
    world.phone("ana").expects("cpu")


def test_steps_and_the_policy_repeat(world: World) -> None:
    for name in ("ana", "bo"):
        world.person(name)
    world.person("root", role=Role.ADMIN)
    world.policy({"targets": ["ana"], "repeat_every_minutes": 5, "repeat_times": 1}, {"targets": ["bo"]}, repeat=1)

    world.fire("cpu")
    heard = []
    for _ in range(70):
        for name in ("ana", "bo", "root"):
            texts = world.phone(name).texts
            heard += [
                (int((world.now - world.incident("cpu").created_at).seconds / 60), name)
                for text in texts[len([h for h in heard if h[1] == name]) :]
                if "cpu" in text
            ]
        if world.run("cpu").state == RunState.EXHAUSTED:
            break
        world.advance(minutes=1)

    assert heard == [
        (0, "ana"), (5, "ana"), (15, "bo"), (30, "ana"), (35, "ana"), (45, "bo"), (60, "root"),
    ]  # fmt: skip
    for name, count in (("ana", 5), ("bo", 2), ("root", 1)):  # the last one to ana is about the alarm
        for _ in range(count):
            world.phone(name).expects("NOBODY" if name == "root" else "")


def test_conditions_skip_a_step_or_stop_the_policy(world: World) -> None:
    for name in ("ana", "bo", "cy"):
        world.person(name)
    world.policy(
        {"targets": ["ana"]},
        {"targets": ["bo"], "conditions": {"severities": ["critical"]}},
        {"targets": ["cy"], "conditions": {"priorities": ["P1"]}, "otherwise": "stop"},
    )

    world.fire("disk", severity=Severity.HIGH)  # P2
    world.phone("ana").expects("disk")
    world.advance(minutes=15)

    assert world.run("disk").state == RunState.STOPPED
    assert world.told("disk")[-2:] == ["L2 skipped", "Escalation stopped"]
    assert world.reasons("disk")[-2:] == ["not for severity high", "not for P2"]


def test_a_step_that_reaches_nobody_goes_on_at_once_and_says_why(world: World) -> None:
    world.person("ana", phone=False, email="")
    world.person("bo")
    world.policy({"targets": ["ana"]}, {"targets": ["bo"]})

    world.fire("cpu")

    world.phone("bo").expects("cpu")
    assert world.told("cpu")[0] == "L1 reaches nobody"
    assert "Ana" in world.reasons("cpu")[0]


def test_a_person_who_left_or_was_switched_off_is_passed_over(world: World) -> None:
    world.levels("ana", "bo", "cy")
    world.fire("cpu")
    world.phone("ana").expects("cpu")
    Membership.objects.filter(user=world.people["bo"]).delete()

    world.advance(minutes=15)
    world.phone("cy").expects("cpu")
    assert "Bo is no member of this workspace any more" in world.reasons("cpu")
    world.act("acknowledge", "cpu")

    world.people["ana"].is_active = False
    world.people["ana"].save()
    world.fire("disk")
    world.phone("cy").expects("disk")


def test_when_nobody_is_left_the_end_comes_at_once(world: World) -> None:
    world.person("root", role=Role.ADMIN)
    world.person("ana", phone=False, email="")
    world.policy({"targets": ["ana"]}, repeat=10)

    world.fire("cpu")
    world.advance(hours=6)  # it tries again each quarter of an hour, since people come and go; then so does the alarm

    assert world.run("cpu").state == RunState.EXHAUSTED
    assert world.told("cpu").count("L1 reaches nobody") == 11
    world.phone("root").expects("NOBODY COULD BE REACHED", "cpu")
    world.phone("root").expects("NOBODY COULD BE REACHED", "has run out")
    assert world.run("cpu").reason == "nobody could be reached"


def test_low_urgency_waits_for_the_end_of_quiet_hours_and_the_policy_with_it(world: World) -> None:
    world.levels("ana", "bo")
    QuietHours.objects.create(user=world.people["ana"], begins="14:00", ends="16:00", days=[])

    world.fire("disk", severity=Severity.LOW)
    world.advance(hours=1, minutes=29)
    world.everybody_is_silent()
    world.advance(minutes=1)  # 16:00
    world.phone("ana").expects("disk")
    world.advance(minutes=14)
    world.everybody_is_silent()
    world.advance(minutes=1)
    world.phone("bo").expects("disk")
    world.act("acknowledge", "disk")

    world.fire("cpu", severity=Severity.CRITICAL)  # what can't wait does not
    world.phone("ana").expects("cpu")


def test_what_is_suppressed_pages_nobody(world: World) -> None:
    world.levels("ana", "bo")
    world.fire("cpu")
    world.phone("ana").expects("cpu")
    Incident.objects.filter(pk=world.incident("cpu").pk).update(suppressed_by={"kind": "window", "id": 1, "name": "x"})

    world.advance(hours=1)

    assert world.run("cpu").state == RunState.PAUSED


def test_the_policy_of_the_service_then_of_the_severity_then_the_default(world: World) -> None:
    for name in ("ana", "bo", "cy"):
        world.person(name)
    world.policy({"targets": ["ana"]})
    by_severity = policies.create_policy(
        actor=SYSTEM,
        workspace=world.workspace,
        name="Critical",
        definition=world.definition({"targets": ["bo"]}),
        severities=["critical"],
        now=world.now,
    )
    own = policies.create_policy(
        actor=SYSTEM,
        workspace=world.workspace,
        name="Payments",
        definition=world.definition({"targets": ["cy"]}),
        now=world.now,
    )

    world.fire("one", severity=Severity.HIGH)
    world.phone("ana").expects("one")
    world.fire("two", severity=Severity.CRITICAL)
    world.phone("bo").expects("two")
    policies.set_service_policy(actor=SYSTEM, service_id=world.service.pk, policy_id=own.pk)
    world.fire("three", severity=Severity.CRITICAL)
    world.phone("cy").expects("three")
    policies.update_policy(actor=SYSTEM, policy_id=own.pk, enabled=False, now=world.now)
    policies.update_policy(actor=SYSTEM, policy_id=by_severity.pk, enabled=False, now=world.now)
    world.fire("four", severity=Severity.CRITICAL)
    world.phone("ana").expects("four")


def test_clocks_that_jump_lose_no_page_and_send_none_twice(world: World) -> None:
    world.levels("ana", "bo", "cy")
    world.fire("cpu")
    world.phone("ana").expects("cpu")

    world.now -= timedelta(hours=1)  # back: nothing is due, nothing is said again
    world.sweep()
    world.everybody_is_silent()
    world.now += timedelta(hours=2)  # forward: what is overdue is done, one level after the other
    world.sweep()
    world.phone("bo").expects("cpu")
    world.everybody_is_silent()
    world.advance(minutes=15)
    world.phone("cy").expects("cpu")
    world.act("acknowledge", "cpu")


def test_whoever_is_on_call_at_that_instant_is_told_across_the_night_the_clocks_change(world: World) -> None:
    ana, bo = world.person("ana"), world.person("bo")
    layer = LayerDraft(
        starts_at=datetime(2026, 3, 28, 7, 0, tzinfo=UTC),  # 08:00 in Berlin; the next day it is 06:00 in UTC
        members=[ana.pk, bo.pk],
        unit=RotationUnit.DAY,
    )
    draft = ScheduleDraft(name="Berlin", time_zone="Europe/Berlin", layers=[layer])
    schedule = create_schedule(actor=SYSTEM, workspace_id=world.workspace.pk, draft=draft, now=world.now)
    world.policy(
        {"targets": [("schedule", schedule.pk)]}, {"targets": [("schedule", schedule.pk)], "delay_minutes": 20}
    )

    world.now = datetime(2026, 3, 29, 5, 50, tzinfo=UTC)
    world.fire("cpu")
    world.phone("ana").expects("cpu")
    world.advance(minutes=20)  # 06:10 in UTC, 08:10 in Berlin

    world.phone("bo").expects("cpu")
    world.act("acknowledge", "cpu")


def test_without_a_policy_only_routes_are_told(world: World) -> None:
    routes.ensure_default_routes(world.workspace)

    world.fire("note", severity=Severity.INFO)

    run = world.run("note")
    assert (run.state, run.reason, run.next_step_at) == (RunState.STOPPED, "no policy", None)
    told = Delivery.objects.get(incident=world.incident("note"))
    assert (told.purpose, told.kind, told.state) == (Purpose.ANNOUNCE, ChannelKind.LOG, DeliveryState.DELIVERED)


def test_without_policy_and_routes_there_is_no_run(world: World) -> None:
    world.fire("cpu")

    assert not world.incident("cpu").escalation_runs.exists()
