"""What watches the paging: the auditor, the proof, the heartbeat. Each must see what is broken, and be quiet when nothing is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache

from aiops.access.actors import SYSTEM
from aiops.access.keyring import PRIMARY_WORKSPACE
from aiops.access.models import Workspace
from aiops.console.overview import opened_by_hour
from aiops.gauges import exposition
from incidents.catalogue.services.catalogue import ensure_workspace_defaults
from incidents.choices import Severity
from incidents.core import counting, selectors
from incidents.models import Alert, Incident, TimelineEntry
from incidents.response.services import incidents
from notifications.choices import DeliveryState, RunState
from notifications.escalation.selectors import overdue
from notifications.escalation.services import defaults, policies, routes
from notifications.models import Delivery, Destination, EscalationPolicy, EscalationRun, PagingProof
from notifications.replies.commands import parse
from notifications.replies.services import text_commands
from notifications.watch.services import auditor, heartbeat, proof
from tests.factories import NOW, actor, make_workspace, minutes
from tests.receivers import Receivers
from tests.world import World

LATE = timedelta(minutes=5)


def break_run(world: World, **fields: Any) -> None:
    EscalationRun.objects.filter(incident=world.incident("cpu")).update(**fields)


def reasons(world: World) -> list[str]:
    return [violation.reason for violation in auditor.audit(world.now)]


def test_the_proof_of_paging_is_in_no_list_and_no_count(world: World, settings: Any) -> None:
    settings.AIOPS_PROOF_MINUTES = 5
    world.levels("ana")
    world.workspace.slug = PRIMARY_WORKSPACE
    world.workspace.save()
    proof.prove(world.now)
    assert Incident.objects.filter(is_system=True).exists()
    assert sum(hour.count for hour in opened_by_hour(actor(world.workspace), world.now)) == 0
    said = text_commands.carry_out(
        user=world.people["ana"], workspace_id=world.workspace.pk, said=[parse("list")], now=world.now, via="Slack"
    )
    assert list(said.lines) == ["Nobody is waited for: nothing is open."]


class TestAuditor:
    def test_nothing_is_wrong_while_paging_works(self, world: World) -> None:
        world.person("ana")
        world.levels("ana", "bo")
        for what in ("cpu", "disk", "mem", "net", "gone"):
            world.fire(what)
        world.act("acknowledge", "disk")
        world.act("snooze", "mem", duration=timedelta(hours=3))
        Incident.objects.filter(pk=world.incident("net").pk).update(suppressed_by={"kind": "rule"})
        world.ends("gone")
        for _ in range(5):
            assert reasons(world) == []
            world.advance(minutes=10)
        assert [alarm.signal_type for alarm in world.alarms()] == ["escalation_exhausted"]
        world.advance(hours=5)
        assert reasons(world) == []
        for name in ("ana", "bo"):
            world.phone(name).read_all()

    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"next_step_at": NOW}, "its next step is overdue"),
            ({"next_step_at": None}, "its escalation has no next step"),
            ({"state": RunState.ACKNOWLEDGED, "next_step_at": None}, "it is open, and its escalation is acknowledged"),
            ({"state": RunState.PAUSED, "next_step_at": None}, "it is open, and its escalation is paused"),
            ({"state": RunState.ENDED, "next_step_at": None}, "it is open, and its escalation is ended"),
            ({"state": RunState.EXHAUSTED, "next_step_at": None}, "its policy ran out and no alarm was raised"),
            (None, "it has no escalation"),
        ],
    )
    def test_what_is_lost_is_found_told_and_set_going_again(
        self, world: World, fields: dict[str, Any] | None, reason: str
    ) -> None:
        world.levels("ana", "bo")
        world.fire("cpu")
        world.phone("ana").expects("cpu")
        if fields is None:
            EscalationRun.objects.all().delete()
            Delivery.objects.all().delete()
        else:
            break_run(world, **fields)
        world.now += LATE

        assert reasons(world) == [reason]

        [alarm] = world.alarms()
        assert alarm.title == "Paging lost sight of 1 incident"
        assert f"{world.incident('cpu').name}: {reason}" in alarm.description
        assert auditor.last_audit() == (world.now, 1)
        world.sweep()
        heard = world.phone("ana").read_all() + world.phone("bo").read_all()
        exhausted = reason.startswith("its policy ran out")
        assert any("cpu" in text for text in heard) is not exhausted
        assert any("Nobody answered" in text for text in heard) is exhausted
        assert reasons(world) == []
        assert "paging_audit" not in [alarm.signal_type for alarm in world.alarms()], "it ends by itself"
        world.sweep()
        world.phone("ana").read_all()

    def test_a_page_that_nobody_sends_is_found(self, world: World) -> None:
        world.levels("ana")
        world.fire("cpu")
        world.phone("ana").expects("cpu")
        page = Delivery.objects.get()
        Delivery.objects.update(state=DeliveryState.PENDING, due_at=NOW)
        world.now += LATE

        assert reasons(world) == [f"nobody sends its page {page.public_id}"]

        Delivery.objects.update(state=DeliveryState.SENDING, claimed_until=NOW)
        assert reasons(world) == [f"nobody sends its page {page.public_id}"]
        Delivery.objects.filter(pk=page.pk).update(state=DeliveryState.SENT)
        assert reasons(world) == []

    def test_a_page_on_its_way_is_no_next_step(self, world: World) -> None:
        world.levels("ana")
        world.fire("cpu")
        world.phone("ana").expects("cpu")
        world.now += LATE
        break_run(world, next_step_at=None)
        Delivery.objects.update(due_at=world.now + minutes(600))

        assert reasons(world) == ["its escalation has no next step"]
        world.sweep()
        world.phone("ana").expects("Paging lost sight")
        world.phone("ana").read_all()

    def test_what_had_no_policy_when_it_opened_is_not_missed(self, world: World) -> None:
        routes.ensure_default_routes(world.workspace)
        world.fire("cpu")
        world.now += LATE
        world.levels("ana")
        EscalationPolicy.objects.update(created_at=world.now)

        assert reasons(world) == []

    def test_a_stopped_run_is_no_violation(self, world: World) -> None:
        world.person("ana")
        world.policy({"targets": ["ana"]}, stop={"after_minutes": 5})
        world.fire("cpu")
        world.phone("ana").expects("cpu")
        world.advance(minutes=30)

        assert world.run("cpu").state == RunState.STOPPED
        assert reasons(world) == []

    @pytest.mark.parametrize(
        ("policy", "severity"),
        [({"stop": {"below_severity": "high"}}, Severity.LOW), ({}, Severity.MEDIUM)],
        ids=["below a severity", "at a step for others"],
    )
    def test_a_stopped_run_is_one_when_its_rule_no_longer_holds(
        self, world: World, policy: dict[str, Any], severity: Severity
    ) -> None:
        world.person("ana")
        world.policy({"targets": ["ana"], "conditions": {"severities": ["critical"]}, "otherwise": "stop"}, **policy)
        world.fire("cpu", severity)
        world.now += LATE
        assert reasons(world) == []

        Incident.objects.update(severity=Severity.CRITICAL)  # and nobody heard the event

        assert reasons(world) == ["the rule that stopped its escalation no longer holds"]
        world.sweep()
        assert any("cpu" in text for text in world.phone("ana").read_all())

    def test_an_alarm_of_the_past_satisfies_nothing(self, world: World) -> None:
        world.levels("ana", "bo")
        world.fire("old")
        world.advance(hours=2)
        world.fire("cpu")
        world.advance(hours=2)
        for name in ("ana", "bo"):
            world.phone(name).read_all()
        assert reasons(world) == []

        break_run(world, alarm_id=None)  # as if a worker had died before it raised the alarm about this one

        assert reasons(world) == ["its policy ran out and no alarm was raised"]
        world.sweep()
        assert reasons(world) == []
        for name in ("ana", "bo"):
            world.phone(name).read_all()

    def test_an_alarm_that_somebody_ends_returns_while_nobody_has_the_incident(self, world: World) -> None:
        world.levels("ana")
        world.fire("cpu")
        world.advance(hours=1)
        [alarm] = world.alarms()
        incidents.resolve(actor=world.actor("ana"), incident_id=alarm.pk, now=world.now)
        world.advance(minutes=5)
        world.phone("ana").read_all()

        assert reasons(world) == [], "nothing is wrong with the paging"
        world.sweep()

        [again] = world.alarms()
        assert (again.signal_type, again.pk != alarm.pk) == ("escalation_exhausted", True)
        world.phone("ana").expects("Nobody answered")
        world.act("acknowledge", "cpu")
        incidents.resolve(actor=world.actor("ana"), incident_id=again.pk, now=world.now)
        world.advance(minutes=5)
        assert [reasons(world), world.alarms()] == [[], []], "somebody has it"
        world.phone("ana").read_all()

    def test_an_acknowledgement_that_never_runs_out_is_found(self, world: World) -> None:
        world.levels("ana", acknowledge_minutes=30)
        world.fire("cpu")
        world.act("acknowledge", "cpu")
        break_run(world, next_step_at=None)
        world.now += LATE

        assert reasons(world) == ["its acknowledgement never runs out"]
        world.advance(minutes=31)
        assert world.incident("cpu").status == "open"
        world.phone("ana").read_all()


@pytest.fixture
def primary(world: World) -> World:
    """The world's workspace as the installation's own."""
    Workspace.objects.filter(pk=world.workspace.pk).update(slug=PRIMARY_WORKSPACE)
    defaults.ensure_paging(world.workspace, world.now)
    return world


class TestProof:
    def test_a_synthetic_page_goes_the_whole_way_and_leaves_nothing_behind(self, primary: World) -> None:
        proof.prove(primary.now)
        incident = Incident.objects.get()
        assert (incident.signal_type, incident.is_system) == (proof.SIGNAL_TYPE, True)
        assert list(selectors.listing(SYSTEM)) == []
        assert counting.figures(SYSTEM, primary.now).live == 0
        assert selectors.incident_for(SYSTEM, incident.public_id) == incident

        primary.sweep()
        page = Delivery.objects.get()
        assert (page.destination.label, page.state) == (proof.NAME, DeliveryState.DELIVERED)
        primary.now += timedelta(seconds=20)
        proof.prove(primary.now)

        assert proof.latest() == NOW
        for model in (Incident, Alert, TimelineEntry, EscalationRun, Delivery):
            assert not model.objects.exists(), model
        assert proof.holds(primary.now)

    def test_it_is_proven_again_and_again_and_nobody_hears_of_it(self, primary: World) -> None:
        ana = primary.person("ana")
        Destination.objects.create(workspace=primary.workspace, kind="slack", label="#ops", verified_at=NOW)
        routes.create_route(
            actor=SYSTEM, workspace=primary.workspace, name="all", channels=["slack", "log"], severities=[]
        )
        for _ in range(100):
            proof.prove(primary.now)
            primary.sweep()
            primary.now += timedelta(seconds=20)

        assert PagingProof.objects.filter(proved_at__isnull=False).count() == 7
        assert not Delivery.objects.exclude(destination__label=proof.NAME).exists()
        assert not ana.deliveries.exists()
        assert primary.alarms() == []

    def test_one_that_does_not_arrive_is_told_and_stays(self, primary: World) -> None:
        primary.person("ana")
        proof.prove(primary.now)
        Destination.objects.filter(label=proof.NAME).update(enabled=False)
        primary.sweep()
        primary.now += timedelta(minutes=3)
        proof.prove(primary.now)

        failed = PagingProof.objects.get()
        assert failed.failed_at == primary.now
        assert failed.incident is not None
        assert failed.error == "Its escalation planned no message."
        assert [alarm.signal_type for alarm in primary.alarms()] == ["paging_proof_failed"]

        primary.now += timedelta(minutes=5)
        proof.prove(primary.now)  # sets its own way up anew
        primary.sweep()
        primary.now += timedelta(minutes=1)
        proof.prove(primary.now)

        assert proof.latest() is not None
        assert primary.alarms() == []

    def test_never_when_it_is_switched_off(self, primary: World, settings: Any) -> None:
        settings.AIOPS_PROOF_MINUTES = 0
        proof.prove(primary.now)

        assert not PagingProof.objects.exists()


class TestHeartbeat:
    def prove(self, world: World) -> None:
        proof.prove(world.now)
        world.sweep()
        proof.prove(world.now)
        auditor.audit(world.now)

    def test_it_beats_while_paging_is_proven(self, primary: World, receivers: Receivers, settings: Any) -> None:
        settings.AIOPS_HEARTBEAT_URL = receivers.webhook.url + "/ping"
        self.prove(primary)

        assert heartbeat.beat(primary.now)
        assert receivers.webhook.requests[0].path == "/ping"

    def test_it_stops_when_paging_is_not_known_to_work(
        self, primary: World, receivers: Receivers, settings: Any
    ) -> None:
        settings.AIOPS_HEARTBEAT_URL = receivers.webhook.url + "/ping"
        assert not heartbeat.beat(primary.now)
        self.prove(primary)

        assert heartbeat.why_silent(primary.now + timedelta(minutes=4)) == "the auditor has not been seen lately"
        later = primary.now + timedelta(minutes=15)
        auditor.audit(later)
        assert heartbeat.why_silent(later) == "paging was not proven lately"
        cache.set(auditor.MARK, (primary.now.timestamp(), 2))
        assert "lost sight of" in heartbeat.why_silent(primary.now)
        assert not heartbeat.beat(primary.now)
        assert receivers.webhook.requests == []

    def test_a_listener_that_is_away_is_no_error(self, primary: World, settings: Any) -> None:
        self.prove(primary)
        settings.AIOPS_HEARTBEAT_URL = "http://127.0.0.1:1/"
        assert not heartbeat.beat(primary.now)
        settings.AIOPS_OUTBOUND_ALLOW = []
        assert not heartbeat.beat(primary.now)


def test_a_fresh_workspace_pages_its_admins_whoever_they_are(world: World) -> None:
    defaults.ensure_paging(world.workspace, world.now)
    defaults.ensure_paging(world.workspace, world.now)
    assert EscalationPolicy.objects.filter(workspace=world.workspace).count() == 1
    world.person("late", role=SYSTEM.everywhere)  # an admin who came after the policy

    world.fire("cpu")

    world.phone("late").expects("cpu is wrong")
    assert Delivery.objects.filter(purpose="page", kind="log", state=DeliveryState.DELIVERED).exists()
    world.act("acknowledge", "cpu", by="late")


def test_a_deleted_default_policy_comes_back_and_a_switched_off_one_does_not(world: World) -> None:
    defaults.ensure_paging(world.workspace, world.now)
    policy = EscalationPolicy.objects.get(workspace=world.workspace)
    policies.update_policy(actor=SYSTEM, policy_id=policy.pk, enabled=False, now=world.now)
    defaults.ensure_all(world.now)
    assert not EscalationPolicy.objects.filter(workspace=world.workspace, enabled=True).exists()

    policies.delete_policy(actor=SYSTEM, policy_id=policy.pk)
    defaults.ensure_all(world.now)
    assert EscalationPolicy.objects.filter(workspace=world.workspace, enabled=True).exists()


def test_the_default_policy_of_one_workspace_names_no_admins_of_another(world: World) -> None:
    other = make_workspace()
    ensure_workspace_defaults(other)
    defaults.ensure_all(world.now)

    targets = [
        policy.version.definition["steps"][0]["targets"][0]["id"] for policy in EscalationPolicy.objects.order_by("pk")
    ]
    assert sorted(targets) == sorted([world.workspace.pk, other.pk])


def test_metrics_say_how_far_behind_paging_is(primary: World) -> None:
    TestHeartbeat().prove(primary)
    primary.person("ana")
    policies.update_policy(
        actor=SYSTEM,
        policy_id=EscalationPolicy.objects.get(is_default=True).pk,
        definition=primary.definition({"targets": ["ana"]}),
        now=primary.now,
    )
    assert set(overdue.oldest(primary.now).values()) == {timedelta(0)}
    primary.fire("cpu")
    primary.phone("ana").expects("cpu")
    primary.now += timedelta(minutes=20)  # and no sweep came

    assert overdue.oldest(primary.now) == {"runs": minutes(5), "deliveries": timedelta(0)}
    exposed = exposition().decode()
    for name in ("aiops_oldest_due_seconds", "aiops_audit_violations 0.0", "aiops_proof_age_seconds"):
        assert name in exposed
