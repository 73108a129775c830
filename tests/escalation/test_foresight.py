"""What is foretold is what happens: the what-if, services that nobody would hear of, the next step on a row."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from aiops.access.actors import SYSTEM, Role
from aiops.access.models import Membership
from aiops.kernel.errors import NotFound
from incidents.choices import Priority, Severity
from incidents.models import Incident
from incidents.response.console.rows import rows_of
from incidents.response.slots import NEXT
from notifications.choices import ChannelKind, RotationUnit
from notifications.escalation.selectors import next_steps
from notifications.escalation.services import policies, routes, unreachable, whatif
from notifications.escalation.services.whatif import Line
from notifications.models import Delivery, Destination, EscalationPolicy, QuietHours, UnreachableService
from notifications.oncall.services import overrides
from notifications.oncall.services.schedules import LayerDraft, ScheduleDraft, create_schedule
from tests.factories import NOW, actor, make_service, make_workspace, minutes
from tests.world import World


def ask(world: World, **changes: Any) -> list[Line]:
    asked = {"at": world.now, "severity": Severity.CRITICAL, **changes}
    return whatif.what_if(actor=SYSTEM, service_id=world.service.pk, **asked)


def short(lines: list[Line]) -> list[tuple[int, str, str, str]]:
    return [(line.minutes, line.what, line.level, line.who) for line in lines]


class TestWhatIf:
    def test_it_is_what_the_engine_then_does(self, world: World) -> None:
        world.person("root", role=Role.ADMIN)
        for name in ("ana", "bo", "cy"):
            world.person(name, **({"phone": False, "email": ""} if name == "bo" else {}))
        QuietHours.objects.create(user=world.people["cy"], begins="14:00", ends="16:00", days=[])
        world.policy(
            {"targets": ["ana"], "repeat_every_minutes": 5, "repeat_times": 2},
            {"targets": ["bo"]},
            {"targets": ["cy", "ana"], "conditions": {"severities": ["low", "medium"]}},
            {"targets": ["cy"], "urgency": "low"},
            repeat=1,
        )
        for severity in (Severity.CRITICAL, Severity.LOW):
            foretold = [
                (line.minutes, line.who) for line in ask(world, severity=severity) if line.what in ("told", "fallback")
            ]
            began = world.now
            world.fire(f"it-{severity}", severity=severity)
            world.advance(hours=12)
            rows = Delivery.objects.filter(incident=world.incident(f"it-{severity}"), purpose__in=["page", "fallback"])
            happened = [(int((row.due_at - began).total_seconds() // 60), row.recipient.display_name) for row in rows]
            assert sorted(foretold) == sorted(happened)
            assert world.incident(f"it-{severity}").escalated_at is not None
        for phone in world._phones.values():
            phone.read_all()

    def test_it_says_when_by_what_and_where_it_ends(self, world: World) -> None:
        world.person("root", role=Role.ADMIN)
        world.levels("ana", "bo")

        lines = ask(world)

        assert short(lines) == [
            (0, "told", "L1", "Ana"),
            (15, "told", "L2", "Bo"),
            (30, "exhausted", "", ""),
            (30, "fallback", "", "Root"),
        ]
        assert lines[0].kind == ChannelKind.SMS
        assert lines[0].via == Destination.objects.get(owner=world.people["ana"]).label
        assert lines[0].at == world.now

    def test_missing_contact_data_is_said(self, world: World) -> None:
        world.levels("ana")
        Destination.objects.filter(owner=world.people["ana"]).update(verified_at=None)
        Destination.objects.create(
            owner=world.people["ana"], kind=ChannelKind.EMAIL, label="ana@x", verified_at=world.now
        )

        told = ask(world)[0]

        assert told.via == "ana@x"
        assert "not verified" in told.note
        assert "nothing that could wake them: no verified phone" in told.note

    def test_nobody_at_all(self, world: World) -> None:
        world.person("ana", phone=False, email="")
        world.policy({"targets": ["ana"]})
        Membership.objects.all().delete()

        lines = ask(world)

        assert [line.what for line in lines] == ["unreached", "exhausted", "fallback"]
        assert lines[0].note == "Ana is no member of this workspace any more"
        assert lines[-1].note.startswith("nobody is left to tell")

    def test_overrides_and_holes_of_a_schedule(self, world: World) -> None:
        ana, bo = world.person("ana"), world.person("bo")
        layer = LayerDraft(
            starts_at=NOW - timedelta(days=7),
            members=[ana.pk],
            unit=RotationUnit.DAY,
            restrictions=[{"days": [], "from": "14:00", "to": "15:00"}],
        )
        draft = ScheduleDraft(name="Day", layers=[layer])
        schedule = create_schedule(actor=SYSTEM, workspace_id=world.workspace.pk, draft=draft, now=NOW)
        target = {"targets": [("schedule", schedule.pk)]}
        world.policy(target, {**target, "delay_minutes": 45})

        assert short(ask(world))[:2] == [(0, "told", "L1", "Ana"), (45, "unreached", "L2", "")]
        overrides.create_override(
            actor=SYSTEM,
            schedule_id=schedule.pk,
            user_id=bo.pk,
            starts_at=NOW + minutes(30),
            ends_at=NOW + minutes(90),
            now=NOW,
        )
        assert short(ask(world))[:2] == [(0, "told", "L1", "Ana"), (45, "told", "L2", "Bo")]

    def test_without_a_policy_and_what_routes_announce(self, world: World) -> None:
        routes.ensure_default_routes(world.workspace)

        lines = ask(world, severity=Severity.INFO)

        assert [(line.what, line.who) for line in lines] == [("announced", "Log"), ("exhausted", "")]
        assert lines[-1].note == "no escalation policy is in force for this service and severity"

    def test_a_service_of_others_is_not_there(self, world: World) -> None:
        with pytest.raises(NotFound):
            whatif.what_if(
                actor=actor(make_workspace()), service_id=world.service.pk, at=world.now, severity=Severity.LOW
            )

    def test_it_writes_nothing_and_its_cost_is_constant(self, world: World) -> None:
        world.levels("ana", "bo", "cy")

        def cost() -> int:
            with CaptureQueriesContext(connection) as captured:
                ask(world)
            assert all(query["sql"].startswith("SELECT") for query in captured)
            return len(captured)

        before = cost()
        policies.update_policy(
            actor=SYSTEM,
            policy_id=EscalationPolicy.objects.get().pk,
            definition=world.definition(*[{"targets": ["ana", "bo", "cy"]}] * 12, repeat=3),
            now=world.now,
        )
        assert cost() == before

    def test_a_preview_of_what_is_being_edited(self, world: World) -> None:
        world.person("ana")
        definition = whatif.Definition.of_json(world.definition({"targets": ["ana"]}))

        lines = whatif.preview(
            definition=definition,
            workspace_id=world.workspace.pk,
            at=world.now,
            severity=Severity.CRITICAL,
            priority=Priority.P1,
        )

        assert short(lines)[0] == (0, "told", "L1", "Ana")


class TestUnreachable:
    def test_what_reaches_nobody_is_listed_told_once_and_forgotten_when_mended(self, world: World) -> None:
        world.person("ana", phone=False, email="")
        world.policy({"targets": ["ana"]})
        other = make_service(world.workspace, "payments")

        assert unreachable.sweep(world.now) == 2
        assert unreachable.sweep(world.now + timedelta(hours=1)) == 2

        row = UnreachableService.objects.get(service=other)
        assert (row.found_at, row.reason) == (world.now, "Ana: has no destination and no e-mail address")
        [alarm] = world.alarms()
        assert (alarm.signal_type, alarm.occurrences) == ("unreachable_service", 1)
        assert "payments" in alarm.description

        world.person("bo")
        policies.update_policy(
            actor=SYSTEM,
            policy_id=EscalationPolicy.objects.get().pk,
            definition=world.definition({"targets": ["ana"]}, {"targets": ["bo"]}),
            now=world.now,
        )
        assert unreachable.sweep(world.now) == 0
        assert not UnreachableService.objects.exists()
        assert world.alarms() == []

    def test_a_log_is_nobody(self, world: World) -> None:
        log = Destination.objects.create(workspace=world.workspace, kind="log", label="Log", verified_at=world.now)
        world.policy({"targets": [("channel", log.pk)]})

        assert unreachable.sweep(world.now) == 1

    def test_a_hole_at_one_hour_of_the_day_is_found(self, world: World) -> None:
        ana = world.person("ana")
        layer = LayerDraft(
            starts_at=NOW - timedelta(days=7),
            members=[ana.pk],
            restrictions=[{"days": [], "from": "05:00", "to": "03:00"}],
        )
        schedule = create_schedule(
            actor=SYSTEM,
            workspace_id=world.workspace.pk,
            draft=ScheduleDraft(name="Most", layers=[layer]),
            now=NOW,
        )
        world.policy({"targets": [("schedule", schedule.pk)]})

        assert unreachable.sweep(world.now) == 1
        row = UnreachableService.objects.get()
        assert (f"{row.at:%H:%M}", row.reason) == ("03:30", "nobody is on call in Most")

    def test_without_any_policy(self, world: World) -> None:
        assert unreachable.sweep(world.now) == 1
        assert UnreachableService.objects.get().reason == "no escalation policy is in force"


class TestNextStep:
    def texts(self, world: World) -> dict[str, str]:
        incidents = list(Incident.objects.select_related("workspace", "service", "assignee").order_by("pk"))
        return {row.incident.dedup_key: row.next.text for row in rows_of(incidents, world.now)}

    def test_a_row_says_who_is_paged_next_and_when(self, world: World) -> None:
        world.levels("ana", "bo")
        world.fire("cpu")
        world.phone("ana").expects("cpu")

        [row] = rows_of([world.incident("cpu")], world.now)

        assert (row.next.text, row.next.at, row.next.style) == ("pages Bo", NOW + minutes(15), "until")
        assert next_steps.spoken([world.incident("cpu").pk], now=world.now) == {
            row.incident.pk: "If nobody acknowledges by 14:45 UTC: Bo is paged."
        }

    def test_every_situation(self, world: World) -> None:
        world.person("root", role=Role.ADMIN)
        world.levels("ana", "bo", acknowledge_minutes=60)
        for what in ("taken", "asleep", "exhausted", "last"):
            world.fire(what)
            world.now += timedelta(minutes=2)  # no digests
        world.act("acknowledge", "taken")
        world.act("snooze", "asleep", duration=timedelta(hours=2))
        world.advance(minutes=20)
        world.act("escalate", "exhausted")

        texts = self.texts(world)

        assert {key: texts[key] for key in ("taken", "asleep", "exhausted", "last")} == {
            "taken": "is given back",
            "asleep": "wakes",
            "exhausted": "nobody answered",
            "last": "tells Root",
        }
        for phone in world._phones.values():
            phone.read_all()

    def test_a_page_of_rows_costs_the_same_number_of_queries(self, world: World) -> None:
        world.levels("ana", "bo")

        def cost() -> int:
            found = Incident.objects.in_bulk()
            with CaptureQueriesContext(connection) as captured:
                assert len(NEXT.load(list(found), now=world.now, incidents=found)) == len(found)
            return len(captured)

        world.fire("first")
        few = cost()
        for n in range(30):
            world.fire(f"n{n}")
        assert cost() == few
        world.phone("ana").read_all()
