"""The seam: what a verb that goes through it leaves behind, and what it may not forget."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import RequestFactory

from aiops.access.actors import SYSTEM, Actor, Role
from aiops.access.models import Team, Workspace
from aiops.audit import facts
from aiops.audit.facts import Door, Facts
from aiops.audit.models import AuditEvent
from aiops.audit.recording import Entry, Object, record_all
from aiops.audit.verbs import LeavesNoEvent, audited, changes, locked, makes, removes, says
from aiops.kernel.errors import InvalidInput, NotFound, NotPermitted
from tests.factories import NOW, actor, make_workspace

pytestmark = pytest.mark.django_db


@audited("team.create", taken=lambda given: InvalidInput(f"There is a team named {given['name']}.", field="name"))
def create_team(*, actor: Actor, workspace: Workspace, name: str) -> Team:
    team = Team.objects.create(workspace=workspace, name=name)
    makes(team)
    return team


@audited("team.update")
def rename_team(*, actor: Actor, team_id: int, name: str, now: Any = None, why: str = "") -> Team:
    team = locked(Team.objects.all(), team_id, actor, missing="There is no such team.", refusal="Admins only.")
    team.name = name
    team.save()
    if why:
        says(why=why)
    return team


@audited("team.delete")
def delete_team(*, actor: Actor, team: Team) -> None:
    removes(team)
    team.delete()


@audited("team.forget")
def forget_to_say(*, actor: Actor, team: Team) -> None:
    team.name = "changed"
    team.save()


@pytest.fixture
def admin(workspace: Workspace) -> Actor:
    return actor(workspace, Role.ADMIN)


@pytest.fixture
def team(workspace: Workspace) -> Team:
    return Team.objects.create(workspace=workspace, name="NOC")


def events(verb: str = "team") -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(verb__startswith=verb).order_by("pk"))


def test_a_new_object_leaves_all_that_it_says(admin: Actor, workspace: Workspace) -> None:
    team = create_team(actor=admin, workspace=workspace, name="NOC")
    (event,) = events()
    assert (event.verb, event.before, event.after) == ("team.create", None, {"name": "NOC", "members": []})
    assert (event.object_kind, event.object_id, event.object_name) == ("team", str(team.pk), "NOC")
    assert (event.actor_kind, event.actor_label, event.actor_role) == ("user", "ana", "admin")
    assert (event.workspace_id, event.door, event.address) == (workspace.pk, "command", "")


def test_a_change_leaves_what_differs_at_the_time_of_the_verb(admin: Actor, team: Team) -> None:
    rename_team(actor=admin, team_id=team.pk, name="SRE", now=NOW, why="moved")
    (event,) = events()
    assert (event.before, event.after, event.at) == ({"name": "NOC"}, {"name": "SRE", "why": "moved"}, NOW)
    assert event.object_name == "SRE"


def test_a_change_of_nothing_leaves_nothing(admin: Actor, team: Team) -> None:
    rename_team(actor=admin, team_id=team.pk, name="NOC")
    assert events() == []


def test_a_removal_leaves_what_was_there(admin: Actor, team: Team) -> None:
    pk = team.pk
    delete_team(actor=admin, team=team)
    (event,) = events()
    assert (event.before, event.after, event.object_id) == ({"name": "NOC", "members": []}, None, str(pk))


def test_a_verb_that_forgets_to_say_what_it_changed_is_undone(admin: Actor, team: Team) -> None:
    with pytest.raises(LeavesNoEvent):
        forget_to_say(actor=admin, team=team)
    team.refresh_from_db()
    assert team.name == "NOC"


def test_nothing_can_be_said_outside_of_a_verb(team: Team) -> None:
    with pytest.raises(LeavesNoEvent):
        changes(team)


def test_a_taken_name_is_the_refusal_of_the_verb_and_leaves_nothing(
    admin: Actor, team: Team, workspace: Workspace
) -> None:
    with pytest.raises(InvalidInput) as refused:
        create_team(actor=admin, workspace=workspace, name="NOC")
    assert refused.value.field == "name"
    assert events() == []


def test_who_may_not_is_refused_and_leaves_nothing(workspace: Workspace, team: Team) -> None:
    with pytest.raises(NotPermitted):
        rename_team(actor=actor(workspace, Role.OPERATOR), team_id=team.pk, name="SRE")
    with pytest.raises(NotFound):
        rename_team(actor=actor(workspace, Role.ADMIN), team_id=0, name="SRE")
    assert events() == []


def test_secrets_are_marked_so_that_a_change_shows_and_nothing_else() -> None:
    about = Object("provider", "1", "Slack", None)
    entry = Entry(
        "provider.update", about, {"bot_token": "xoxb-1"}, {"bot_token": "xoxb-2", "deep": {"password": "hunter2"}}
    )
    record_all([entry], actor=SYSTEM)
    (event,) = events("provider")
    assert event.before["bot_token"].startswith("secret:")
    assert event.before["bot_token"] != event.after["bot_token"]
    assert "xoxb" not in str(event.before) + str(event.after)
    assert "hunter2" not in str(event.after)


def test_sealed_columns_show_as_marks(workspace: Workspace) -> None:
    from aiops.audit.snapshot import snapshot
    from tests.factories import make_service

    service = make_service(workspace)
    told = snapshot(service)
    assert told["routing_key"].startswith("secret:")
    assert service.routing_key not in str(told)
    assert "routing_key_digest" not in told


def test_many_events_are_one_statement(workspace: Workspace, django_assert_num_queries: Any) -> None:
    about = Object("incident", "1", "INC-1", workspace.pk)
    with django_assert_num_queries(1):
        record_all([Entry("incident.close", about)] * 300, actor=SYSTEM, now=NOW)
    assert AuditEvent.objects.filter(verb="incident.close").count() == 300


def test_odd_values_are_told_as_json_can_say_them(workspace: Workspace) -> None:
    odd = {"big": 2**60, "when": NOW, "nul": "a\0b", "half": "\ud800", "set": {2, 1}, "nan": float("nan")}
    record_all([Entry("x.y", Object("x", "1", "x", workspace.pk), None, odd)], actor=SYSTEM)
    (event,) = events("x")
    assert event.after == {
        "big": str(2**60), "when": "2026-03-19T14:30:00Z", "nul": "ab", "half": "\ufffd", "set": [1, 2], "nan": "nan",
    }  # fmt: skip


def test_who_sees_what(workspace: Workspace) -> None:
    other = make_workspace()
    for number in (workspace.pk, other.pk, None):
        record_all([Entry("x.y", Object("x", str(number), "x", number))], actor=SYSTEM)
    viewer, everywhere = actor(workspace, Role.VIEWER), SYSTEM
    shown = AuditEvent.objects.filter(verb="x.y")
    assert {event.workspace_id for event in shown.visible_to(viewer)} == {workspace.pk}
    assert {event.workspace_id for event in shown.visible_to(everywhere)} == {workspace.pk, other.pk, None}


def test_a_person_sees_what_it_did_to_itself(workspace: Workspace) -> None:
    ana, ben = actor(workspace, label="ana"), actor(workspace, label="ben")
    record_all([Entry("x.y", Object("x", "1", "x", None))], actor=ana)
    assert AuditEvent.objects.filter(verb="x.y").visible_to(ana).count() == 1
    assert AuditEvent.objects.filter(verb="x.y").visible_to(ben).count() == 0


@pytest.mark.parametrize(
    ("path", "door"),
    [
        ("/console/incidents/INC-1", Door.CONSOLE),
        ("/admin/access/team/1/change/", Door.ADMIN),
        ("/api/v1/incidents/INC-1/resolve", Door.V1),
        ("/api/alerts/1/acknowledge", Door.DASHBOARD),
        ("/incidents/inc-1/resolve", Door.CLIENT),
        ("/in/abc", Door.EVENTS),
        ("/v2/enqueue", Door.EVENTS),
        ("/hooks/slack/abc", Door.CHAT),
        ("/hooks/telegram/abc", Door.CHAT),
        ("/hooks/email/abc/mime", Door.MAIL),
        ("/hooks/sms/abc", Door.PHONE),
        ("/hooks/voice/abc", Door.PHONE),
        ("/respond/token", Door.LINK),
    ],
)
def test_the_path_tells_the_door(path: str, door: Door) -> None:
    assert facts.door_of(path) == door


def test_a_request_brings_its_facts_and_leaves_none_behind() -> None:
    from aiops.audit.middleware import RequestFactsMiddleware

    seen: list[Facts] = []
    request = RequestFactory().get("/admin/", headers={"User-Agent": "Mozilla" * 200}, REMOTE_ADDR="192.0.2.7")
    RequestFactsMiddleware(lambda _: seen.append(facts.current()) or None)(request)  # type: ignore[arg-type, func-returns-value]
    assert (seen[0].door, seen[0].address, len(seen[0].user_agent)) == (Door.ADMIN, "192.0.2.7", 400)
    assert facts.current() == facts.COMMAND


def test_an_event_goes_with_the_change_that_it_tells_of(admin: Actor, workspace: Workspace) -> None:
    from django.db import transaction

    try:
        with transaction.atomic():
            create_team(actor=admin, workspace=workspace, name="NOC")
            raise ValueError
    except ValueError:
        pass
    assert events() == []
    assert not connection.needs_rollback
