"""Anything that may happen to incidents, in any order: nothing open, awake and unsuppressed is ever left without a next step.

The auditor's SQL is the judge, asked without any grace after each step. Texts go through the product's own sweeps to a channel
in this process. Each example is one savepoint over a world that is made once.

In CI the examples are the same each time: two seeds, 30 lives each, 50 steps a life. To hunt with others, and to have what fails
made small::

    AIOPS_STATEFUL_SEEDS=7,8,9 AIOPS_STATEFUL_EXAMPLES=1000 pytest tests/escalation/test_stateful.py
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from aiops.access.actors import SYSTEM, Role
from aiops.access.models import Membership, User
from aiops.kernel.errors import DomainError
from incidents.choices import Priority, Severity
from incidents.core.events import IncidentEvent, IncidentFact
from incidents.core.services import reactions
from incidents.models import Incident
from incidents.response.services import incidents, timers
from notifications.channels import CHANNELS
from notifications.channels.contracts import Message, Outlet, PermanentFailure, Sent
from notifications.choices import ChannelKind, DeliveryState, Purpose
from notifications.delivery.services import destinations, providers
from notifications.escalation.services import policies, routes, steps
from notifications.models import Delivery, Destination, EscalationPolicy, EscalationRun, QuietHours
from notifications.watch.services import auditor
from tests.factories import NOW
from tests.sweeps import send_due
from tests.world import Phone, World

EXAMPLES = int(os.environ.get("AIOPS_STATEFUL_EXAMPLES", "30"))
SEEDS = [int(number) for number in os.environ.get("AIOPS_STATEFUL_SEEDS", "1,2").split(",")]
STEPS = 50
PEOPLE = ("ana", "bo", "cy", "root")
PROBLEMS = ("cpu", "disk")
SPANS = (1, 4, 6, 15, 16, 31, 61, 600, 3 * 24 * 60)  # minutes

people = st.sampled_from(PEOPLE)
problems = st.sampled_from(PROBLEMS)
severities = st.sampled_from(Severity)
words = st.lists(st.sampled_from([severity.word for severity in Severity]), max_size=3, unique=True)
conditions = st.one_of(
    st.just({}),
    st.just({}),
    st.fixed_dictionaries({"severities": words}),
    st.fixed_dictionaries({"priorities": st.lists(st.sampled_from(["P1", "P2", "P3", "P4"]), max_size=2, unique=True)}),
    st.just({"window": {"days": [], "from": "09:00", "to": "17:00", "time_zone": "UTC"}}),
)
levels = st.fixed_dictionaries(
    {
        "targets": st.lists(people, min_size=1, max_size=2, unique=True),
        "conditions": conditions,
        "otherwise": st.sampled_from(["skip", "skip", "skip", "stop"]),
        "delay_minutes": st.sampled_from([0, 5, 15]),
        "repeat": st.booleans(),
        "urgency": st.sampled_from(["auto", "auto", "high", "low"]),
    }
)
definitions = st.fixed_dictionaries(
    {
        "steps": st.lists(levels, min_size=1, max_size=3),
        "repeat": st.sampled_from([0, 0, 1]),
        "acknowledge_minutes": st.sampled_from([None, 30]),
        "stop": st.sampled_from([{}, {}, {"after_minutes": 20}, {"below_severity": "high"}]),
    }
)


class QuietWorld(World):
    """A world whose texts stay in this process; *dead* numbers refuse them for good."""

    def __init__(self) -> None:
        super().__init__(None)  # type: ignore[arg-type]
        self.dead: set[str] = set()
        account = {"account_sid": "AC" + "0" * 32, "auth_token": "x" * 32, "sender": "+15550009999"}
        providers.save_provider(
            actor=SYSTEM, workspace=self.workspace, kind=ChannelKind.SMS, name="Texts", settings=account
        )
        self.channels = {**CHANNELS, ChannelKind.SMS: replace(CHANNELS[ChannelKind.SMS], send=self._send)}

    def sweep(self) -> None:
        timers.wake_snoozed(self.now)
        for _ in range(200):
            if not steps.run_due(self.now) and not self._send_due():
                return
        raise AssertionError("the sweeps never come to an end")

    def _send_due(self) -> int:
        due = Delivery.objects.filter(state__in=(DeliveryState.PENDING, DeliveryState.FAILED_TEMPORARY))
        if not due.filter(due_at__lte=self.now).exists():
            return 0
        return send_due(self.now, channels=self.channels)

    def _send(self, message: Message, outlet: Outlet, http: httpx.Client) -> Sent:
        if outlet.address in self.dead:
            raise PermanentFailure("No such number.")
        return Sent(state=DeliveryState.DELIVERED, provider_ref=message.delivery_id)


class Life(RuleBasedStateMachine):
    """What may happen in a workspace."""

    base: QuietWorld

    def __init__(self) -> None:
        super().__init__()
        self.world = self.base
        self.world.now, self.world._incidents, self.world.dead = NOW, {}, set()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    @property
    def what(self) -> tuple[str, ...]:
        return tuple(self.world._incidents)

    def does(self, act: Callable[[], Any]) -> bool:
        """Do it, unless it is refused; then let the sweeps come."""
        try:
            with transaction.atomic():
                act()
        except DomainError:
            return False
        self.world.sweep()
        return True

    # What monitoring says

    @rule(what=problems, severity=severities)
    def fire(self, what: str, severity: Severity) -> None:
        self.world.fire(what, severity)

    @rule(what=problems)
    def ends(self, what: str) -> None:
        self.world.ends(what)

    # What people do

    @precondition(lambda self: self.what)
    @rule(
        data=st.data(),
        by=people,
        verb=st.sampled_from(
            [
                "acknowledge",
                "acknowledge",
                "unacknowledge",
                "unacknowledge",
                "investigate",
                "resolve",
                "close",
                "reopen",
            ]
        ),
    )
    def move(self, data: st.DataObject, by: str, verb: str) -> None:
        what = data.draw(st.sampled_from(self.what))
        self.does(lambda: self.world.act(verb, what, by=by))

    @precondition(lambda self: self.what)
    @rule(data=st.data(), by=people, priority=st.sampled_from(Priority))
    def set_priority(self, data: st.DataObject, by: str, priority: Priority) -> None:
        what = data.draw(st.sampled_from(self.what))
        self.does(lambda: self.world.act("set_priority", what, by=by, priority=priority))

    @precondition(lambda self: self.what)
    @rule(data=st.data(), by=people, to=people, note=st.booleans())
    def work_on(self, data: st.DataObject, by: str, to: str, note: bool) -> None:
        what = data.draw(st.sampled_from(self.what))
        details = {"content": "I look"} if note else {"assignee": self.world.people[to]}
        self.does(lambda: self.world.act("add_note" if note else "assign", what, by=by, **details))

    @precondition(lambda self: self.what)
    @rule(data=st.data(), by=people, minutes=st.sampled_from([1, 10, 120, 1500]))
    def snooze(self, data: st.DataObject, by: str, minutes: int) -> None:
        what = data.draw(st.sampled_from(self.what))
        self.does(lambda: self.world.act("snooze", what, by=by, duration=timedelta(minutes=minutes)))

    @precondition(lambda self: self.what)
    @rule(data=st.data(), by=people)
    def unsnooze(self, data: st.DataObject, by: str) -> None:
        what = data.draw(st.sampled_from(self.what))
        self.does(lambda: self.world.act("unsnooze", what, by=by))

    @precondition(lambda self: self.what)
    @rule(data=st.data(), by=people)
    def escalate(self, data: st.DataObject, by: str) -> None:
        what = data.draw(st.sampled_from(self.what))
        before = self.told(what)
        done = self.does(lambda: self.world.act("escalate", what, by=by))
        if done and self.world.incident(what).suppressed_by is None:
            assert self.told(what) > before, f"Escalate was taken and nothing happened: {self.world.told(what)}"

    @precondition(lambda self: self.what)
    @rule(data=st.data(), by=people)
    def hear_of_a_rise(self, data: st.DataObject, by: str) -> None:
        """The next severity, so that rises come often."""
        what = data.draw(st.sampled_from(self.what))
        incident = self.world.incident(what)
        if incident.severity < Severity.CRITICAL:
            self.world.fire(what, Severity(incident.severity + 1))

    @precondition(lambda self: self.what)
    @rule(data=st.data())
    def suppress_or_not(self, data: st.DataObject) -> None:
        """As the services that suppress will do it: a column, and the event."""
        incident = self.world.incident(data.draw(st.sampled_from(self.what)))
        if not incident.is_live:
            return
        given = None if incident.suppressed_by else {"kind": "window"}
        Incident.objects.filter(pk=incident.pk).update(suppressed_by=given)
        fact = IncidentFact(
            incident_id=incident.pk,
            workspace_id=incident.workspace_id,
            service_id=incident.service_id,
            severity=incident.severity,
            actor=SYSTEM.ref,
        )
        event = IncidentEvent.SUPPRESSED if given else IncidentEvent.UNSUPPRESSED
        reactions.publish(event, [fact], self.world.now)
        self.world.sweep()

    @rule(verb=st.sampled_from(["acknowledge", "resolve", "unacknowledge", "escalate"]))
    def answer_the_alarm(self, verb: str) -> None:
        alarms = self.world.alarms()
        if alarms:
            act = getattr(incidents, verb)
            self.does(lambda: act(actor=self.world.actor("root"), incident_id=alarms[0].pk, now=self.world.now))

    # What administrators do

    @rule(definition=definitions, which=st.sampled_from(["Default", "Ladder"]))
    def edit_policy(self, definition: dict[str, Any], which: str) -> None:
        policy = EscalationPolicy.objects.filter(name=which).first()
        given = self.definition_of(definition)
        if policy is None:
            return
        self.does(
            lambda: policies.update_policy(
                actor=SYSTEM, policy_id=policy.pk, definition=given, enabled=True, now=self.world.now
            )
        )

    @rule(which=st.sampled_from(["Default", "Ladder"]), enabled=st.booleans(), named=words)
    def switch_policy(self, which: str, enabled: bool, named: list[str]) -> None:
        policy = EscalationPolicy.objects.filter(name=which).first()
        if policy is not None:
            self.does(
                lambda: policies.update_policy(
                    actor=SYSTEM, policy_id=policy.pk, enabled=enabled, severities=named, now=self.world.now
                )
            )

    @rule(which=st.sampled_from(["Default", "Ladder"]), remove=st.booleans())
    def remove_or_make_policy(self, which: str, remove: bool) -> None:
        policy = EscalationPolicy.objects.filter(name=which).first()
        if policy is not None and remove:
            self.does(lambda: policies.delete_policy(actor=SYSTEM, policy_id=policy.pk))
        elif policy is None:
            self.does(lambda: make_policy(self.world, which))

    @rule(own=st.booleans())
    def give_the_service_a_policy(self, own: bool) -> None:
        policy = EscalationPolicy.objects.filter(name="Ladder").first()
        wanted = policy.pk if own and policy is not None else None
        policies.set_service_policy(actor=SYSTEM, service_id=self.world.service.pk, policy_id=wanted)

    # What becomes of people

    @rule(who=people, there=st.booleans())
    def leave_or_come(self, who: str, there: bool) -> None:
        user, workspace = self.world.people[who], self.world.workspace
        if there:
            role = Role.ADMIN if who == "root" else Role.OPERATOR
            Membership.objects.get_or_create(user=user, workspace=workspace, defaults={"role": role.value})
        else:
            Membership.objects.filter(user=user).delete()

    @rule(who=people, active=st.booleans())
    def switch_account(self, who: str, active: bool) -> None:
        User.objects.filter(pk=self.world.people[who].pk).update(is_active=active)

    @rule(who=people, works=st.booleans())
    def break_or_mend_phone(self, who: str, works: bool) -> None:
        number = self.world.phone(who).number
        if works:
            self.world.dead.discard(number)
            Destination.objects.filter(owner=self.world.people[who]).update(broken_at=None, broken_reason="")
        else:
            self.world.dead.add(number)

    @rule(who=people, quiet=st.booleans())
    def keep_quiet(self, who: str, quiet: bool) -> None:
        QuietHours.objects.filter(user=self.world.people[who]).delete()
        if quiet:
            QuietHours.objects.create(user=self.world.people[who], begins="14:00", ends="20:00", days=[])

    # Time

    @rule(minutes=st.sampled_from(SPANS))
    def time_goes_by(self, minutes: int) -> None:
        if minutes > 60:  # as when nothing ran for a while: all that is overdue comes at once
            self.world.now += timedelta(minutes=minutes)
            self.world.sweep()
        else:
            self.world.advance(minutes=minutes)

    # What must hold

    @invariant()
    def nothing_is_lost_sight_of(self) -> None:
        found = auditor.violations(self.world.now, timedelta(0))
        if any(violation.reason == auditor.ALARM_ENDED for violation in found):
            self.world.now += auditor.GRACE
            auditor.audit(self.world.now)
            self.world.sweep()
            found = auditor.violations(self.world.now, timedelta(0))
        assert not found, (found, [self.world.told(what) for what in self.what], list(EscalationRun.objects.values()))

    # Means

    def told(self, what: str) -> int:
        incident = self.world.incident(what)
        return Delivery.objects.filter(incident=incident, purpose__in=(Purpose.PAGE, Purpose.FALLBACK)).count()

    def definition_of(self, drawn: dict[str, Any]) -> dict[str, Any]:
        given = []
        for step in drawn["steps"]:
            repeats = {"repeat_every_minutes": 2, "repeat_times": 1} if step["repeat"] else {}
            given.append({**{k: v for k, v in step.items() if k != "repeat"}, **repeats})
        return self.world.definition(*given, **{k: v for k, v in drawn.items() if k != "steps"})


def make_policy(world: World, which: str) -> None:
    policies.create_policy(
        actor=SYSTEM,
        workspace=world.workspace,
        name=which,
        definition=world.definition({"targets": ["bo"]}, {"targets": ["ana"]}),
        severities=["critical"] if which == "Ladder" else [],
        is_default=which == "Default",
        now=world.now,
    )


@contextmanager
def silent_logs() -> Iterator[None]:
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


@pytest.mark.long
@pytest.mark.timeout(3600)  # seconds of a machine that has other things to do; it takes half a minute of one's own
@pytest.mark.django_db
@pytest.mark.parametrize("number", SEEDS)
def test_no_incident_is_ever_lost_sight_of(number: int) -> None:
    world = QuietWorld()
    for name in PEOPLE:
        person(world, name)
    routes.ensure_default_routes(world.workspace)
    Life.base = world
    for which in ("Default", "Ladder"):
        make_policy(world, which)
    given = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if "AIOPS_STATEFUL_SEEDS" in os.environ else [Phase.generate],
        print_blob=True,
    )
    with silent_logs():
        run_state_machine_as_test(seed(number)(Life), settings=given)


def person(world: QuietWorld, name: str) -> None:
    """Somebody whose phone is this process."""
    user = world.person(name, role=Role.ADMIN if name == "root" else Role.OPERATOR, phone=False, email="")
    world._phones[name] = Phone(world, f"+1555000{len(world.people):04d}")
    number = world.phone(name).number
    made = destinations.create_destination(actor=SYSTEM, kind=ChannelKind.SMS, address=number, owner=user, now=NOW)
    Destination.objects.filter(pk=made.pk).update(verified_at=NOW)
