"""A world to tell journeys in: people with phones, a policy, alerts, and time that only the test moves.

Everything is real but the clock: signals go through ingest, due steps and deliveries through the product's own sweeps, text
messages over HTTP to a server that speaks Twilio's wire format. Time goes from deadline to deadline, as the sweeps would see it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Min

from aiops.access.actors import SYSTEM, Actor, Role
from aiops.access.models import User, Workspace
from aiops.access.people import actor_for_user
from incidents.catalogue.services.catalogue import ensure_workspace_defaults
from incidents.choices import Severity, SignalAction
from incidents.models import Incident, Service, TimelineEntry
from incidents.response.services import incidents, timers
from notifications.choices import WAITING, ChannelKind
from notifications.delivery.services import destinations, providers
from notifications.escalation.services import policies, steps
from notifications.models import Delivery, Destination, EscalationPolicy, EscalationRun
from tests.factories import NOW, fire, make_route, make_user, make_workspace
from tests.receivers import Receivers
from tests.sweeps import send_due

__all__ = ["World", "world"]


class Phone:
    """What somebody's phone shows."""

    def __init__(self, world: World, number: str) -> None:
        self._world, self.number, self._read = world, number, 0

    @property
    def texts(self) -> list[str]:
        return self._world.receivers.twilio.texts(self.number)

    def expects(self, *words: str) -> str:
        """The next message that was not read yet must be there and hold all *words*."""
        unread = self.texts[self._read :]
        assert unread, f"no message with {words}; {self._world.story()}"
        assert all(word in unread[0] for word in words), f"expected {words}, got {unread[0]!r}"
        self._read += 1
        return unread[0]

    def read_all(self) -> list[str]:
        """What came that was not read yet."""
        unread, self._read = self.texts[self._read :], len(self.texts)
        return unread

    def is_silent(self) -> None:
        """Nothing came that was not read."""
        assert self.texts[self._read :] == []


class World:
    """One workspace, at a time that starts with ``NOW`` (a Thursday, 14:30 UTC)."""

    def __init__(self, receivers: Receivers) -> None:
        self.receivers, self.now = receivers, NOW
        self.workspace: Workspace = make_workspace()
        ensure_workspace_defaults(self.workspace)
        self.service = Service.objects.get(workspace=self.workspace, is_default=True)
        self.people: dict[str, User] = {}
        self._phones: dict[str, Phone] = {}
        self._incidents: dict[str, int] = {}

    def person(self, name: str, *, role: Role = Role.OPERATOR, phone: bool = True, **fields: Any) -> User:
        """Somebody, with a phone that works."""
        user = make_user(name, self.workspace, role, first_name=name.capitalize())
        for field, value in fields.items():
            setattr(user, field, value)
        user.save()
        self.people[name] = user
        if phone:
            self._phones[name] = Phone(self, f"+1555000{len(self.people):04d}")
            if not self.workspace.providers.exists():
                providers.save_provider(
                    actor=SYSTEM,
                    workspace=self.workspace,
                    kind=ChannelKind.SMS,
                    name="Twilio",
                    settings=self.receivers.twilio.settings,
                )
            made = destinations.create_destination(
                actor=SYSTEM, kind=ChannelKind.SMS, address=self._phones[name].number, owner=user, now=self.now
            )
            Destination.objects.filter(pk=made.pk).update(verified_at=self.now)
        return user

    def policy(self, *given: dict[str, Any], name: str = "Policy", **rest: Any) -> EscalationPolicy:
        """The workspace's default policy; a step names its ``targets`` by people's names, the next comes after 15 minutes."""
        made = policies.create_policy(
            actor=SYSTEM,
            workspace=self.workspace,
            name=name,
            definition=self.definition(*given, **rest),
            is_default=True,
            now=self.now,
        )
        EscalationPolicy.objects.filter(pk=made.pk).update(created_at=self.now)
        return made

    def definition(self, *given: dict[str, Any], **rest: Any) -> dict[str, Any]:
        return {
            "steps": [
                {
                    "name": f"L{place + 1}",
                    "delay_minutes": 15 if place else 0,
                    **step,
                    "targets": [self._target(target) for target in step["targets"]],
                }
                for place, step in enumerate(given)
            ],
            **rest,
        }

    def log(self, label: str, **fields: Any) -> Destination:
        """A shared log of the workspace, which is nobody."""
        row = destinations.create_destination(
            actor=SYSTEM, kind=ChannelKind.LOG, address=label, label=label, workspace=self.workspace, now=self.now
        )
        Destination.objects.filter(pk=row.pk).update(verified_at=self.now, **fields)
        return row

    def levels(self, *names: str, **rest: Any) -> EscalationPolicy:
        """People, each with a phone, and a policy that goes through them."""
        for name in names:
            if name not in self.people:
                self.person(name)
        return self.policy(*({"targets": [name]} for name in names), **rest)

    def fire(self, what: str, severity: Severity = Severity.CRITICAL, **signal: Any) -> Incident:
        """A monitoring tool says that *what* is wrong; whoever is due is told at once."""
        route = make_route(self.workspace, self.service)
        outcome = fire(route, self.now, dedup_key=what, title=f"{what} is wrong", severity=severity, **signal)
        self._incidents[what] = outcome.incident_id
        self.sweep()
        return self.incident(what)

    def ends(self, what: str) -> None:
        """The monitoring tool says that it is over."""
        fire(make_route(self.workspace, self.service), self.now, dedup_key=what, action=SignalAction.RESOLVE)
        self.sweep()

    def act(self, verb: str, what: str, by: str = "ana", **details: Any) -> Incident:
        """Somebody does something to the incident."""
        made = getattr(incidents, verb)(
            actor=self.actor(by), incident_id=self._incidents[what], now=self.now, **details
        )
        self.sweep()
        return made

    def advance(self, **span: float) -> None:
        """Let time go by, from one deadline to the next."""
        until = self.now + timedelta(**span)
        while (due := self._next_deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.sweep()
        self.now = until
        self.sweep()

    def sweep(self) -> None:
        """What the sweeps do now, until nothing is due. One delivery at a time: in this thread, which sees the transaction."""
        timers.wake_snoozed(self.now)
        for _ in range(1000):
            if not steps.run_due(self.now) + send_due(self.now, limit=1):
                return
        raise AssertionError("the sweeps never come to an end")

    def phone(self, name: str) -> Phone:
        return self._phones[name]

    def everybody_is_silent(self, *but: str) -> None:
        """No phone has a message that was not read."""
        for name, phone in self._phones.items():
            if name not in but:
                phone.is_silent()

    def actor(self, name: str) -> Actor:
        return actor_for_user(self.people[name])

    def incident(self, what: str) -> Incident:
        return Incident.objects.get(pk=self._incidents[what])

    def run(self, what: str) -> EscalationRun:
        """The latest run."""
        return EscalationRun.objects.filter(incident_id=self._incidents[what]).order_by("-episode")[0]

    def told(self, what: str) -> list[str]:
        """What the timeline says of paging, oldest first."""
        entries = TimelineEntry.objects.filter(incident_id=self._incidents[what], data__has_key="said").order_by("pk")
        return [str(entry.data["said"]) for entry in entries]

    def reasons(self, what: str) -> list[str]:
        """Why, as the timeline says."""
        entries = TimelineEntry.objects.filter(incident_id=self._incidents[what], data__has_key="reason").order_by("pk")
        return [str(entry.data["reason"]) for entry in entries]

    def alarms(self) -> list[Incident]:
        """The live internal incidents."""
        live = Incident.objects.live().filter(workspace=self.workspace, source__kind="internal")
        return list(live.order_by("pk"))

    def story(self) -> Sequence[str]:
        """Everything that was planned, for messages of failed tests."""
        rows = Delivery.objects.select_related("recipient").order_by("pk")
        return [f"{d.purpose} {d.recipient} {d.state} {d.due_at:%H:%M} {d.reason}" for d in rows]

    def _target(self, target: str | tuple[str, int]) -> dict[str, Any]:
        if isinstance(target, str):
            return {"kind": "user", "id": self.people[target].pk}
        return {"kind": target[0], "id": target[1]}

    def _next_deadline(self) -> datetime | None:
        runs = EscalationRun.objects.aggregate(at=Min("next_step_at"))["at"]
        sends = Delivery.objects.filter(state__in=WAITING).aggregate(at=Min("due_at"))["at"]
        snoozes = Incident.objects.live().aggregate(at=Min("snoozed_until"))["at"]
        return min((at for at in (runs, sends, snoozes) if at is not None and at > self.now), default=None)


@pytest.fixture
def world(db: None, receivers: Receivers, settings: Any) -> Iterator[World]:
    """A fresh one; at the end nobody may have been told what the test does not know of."""
    settings.AIOPS_OUTBOUND_ALLOW = ["127.0.0.1"]
    made = World(receivers)
    yield made
    made.everybody_is_silent()
