"""What different doors leave in the audit, and where it can be read: v1, the console, the administration."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from aiops.access.actors import SYSTEM, Role
from aiops.access.models import Membership, Team, User, Workspace
from aiops.audit.api import views
from aiops.audit.models import AuditEvent
from aiops.audit.recording import Object, record
from incidents.catalogue.models import Service
from incidents.choices import Priority, Status
from incidents.core.models import Incident
from incidents.response.services import incidents, timers
from tests.api.conftest import Caller, MakeKey, signed_in
from tests.factories import NOW, actor, make_incident, make_user, make_workspace

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def incident(workspace: Workspace) -> Incident:
    return make_incident(workspace, namespace="production")


def left(prefix: str = "") -> list[AuditEvent]:
    """The events of verbs that begin so, oldest first."""
    return list(AuditEvent.objects.filter(verb__startswith=prefix).order_by("pk"))


class TestWhatIsLeft:
    def test_a_signal_leaves_none(self, incident: Incident) -> None:
        assert left("incident") == []

    def test_resolving_through_v1_leaves_the_event_that_the_contract_promises(
        self,
        operator: Caller,
        incident: Incident,
    ) -> None:
        answer = operator.post(
            f"/api/v1/incidents/{incident.name}/resolve", {"resolution": "fixed"}, **{"User-Agent": "curl/8.5"}
        )
        assert answer.status == 200
        (event,) = left("incident")
        assert (event.verb, event.object_kind, event.object_name) == ("incident.resolve", "incident", incident.name)
        assert (event.incident_id, event.workspace_id, event.namespace) == (
            incident.pk,
            incident.workspace_id,
            "production",
        )
        assert (event.actor_kind, event.actor_label, event.actor_role) == ("api_key", "operator", "operator")
        assert (event.door, event.address, event.user_agent) == ("v1", "127.0.0.1", "curl/8.5")
        assert event.before == {"status": "open", "resolved_by": "", "resolution": ""}
        assert event.after == {"status": "resolved", "resolved_by": "operator", "resolution": "fixed"}

    def test_a_refused_verb_leaves_none(self, operator: Caller, key: MakeKey, incident: Incident) -> None:
        operator.post(f"/api/v1/incidents/{incident.name}/resolve")
        assert operator.post(f"/api/v1/incidents/{incident.name}/resolve").status == 409
        assert key(Role.VIEWER).post(f"/api/v1/incidents/{incident.name}/acknowledge").status == 403
        assert len(left("incident")) == 1

    @pytest.mark.parametrize(
        ("path", "body", "verb", "door"),
        [
            ("/api/v1/incidents/{name}/acknowledge", {}, "incident.acknowledge", "v1"),
            ("/api/v1/incidents/{name}/snooze", {"duration": "1h"}, "incident.snooze", "v1"),
            ("/incidents/{id}/resolve", {}, "incident.resolve", "client"),
        ],
    )
    def test_each_door_leaves_one(
        self,
        operator: Caller,
        incident: Incident,
        path: str,
        body: Any,
        verb: str,
        door: str,
    ) -> None:
        path = path.format(name=incident.name, id=incident.public_id)
        assert operator.post(path, body).status in (200, 204)
        assert [(event.verb, event.door) for event in left("incident")] == [(verb, door)]

    def test_the_dashboard_and_the_console_leave_one(self, workspace: Workspace, incident: Incident) -> None:
        ana = make_user("ana", workspace)
        caller = signed_in(ana)
        assert caller.patch(f"/api/alerts/incidents/{incident.public_id}", {"status": "acknowledged"}).status == 200
        browser = Client()
        browser.force_login(ana)
        browser.post(f"/console/incidents/{incident.public_id}/note", {"content": "looking"})
        assert [(event.verb, event.door, event.actor_id) for event in left("incident")] == [
            ("incident.acknowledge", "dashboard", str(ana.pk)),
            ("incident.note", "console", str(ana.pk)),
        ]
        assert left("incident.note")[0].after == {"note": "looking"}

    def test_a_workspace_that_a_sender_names_first_is_an_event_of_that_door(self, key: MakeKey) -> None:
        everywhere = key(Role.ADMIN, workspace=None, name="everywhere")
        everywhere.post("/webhook", {"title": "x"}, **{"X-Workspace-Id": "ws-new"})
        (event,) = left("workspace.create")
        assert (event.door, event.address, event.actor_label) == ("events", "127.0.0.1", "everywhere")
        assert event.workspace_id == Workspace.objects.get(slug="ws-new").pk

    def test_what_proves_the_platform_leaves_none(self, workspace: Workspace, incident: Incident) -> None:
        incidents.resolve(actor=actor(workspace), incident_id=incident.pk, now=NOW)
        Incident.objects.filter(pk=incident.pk).update(is_system=True)
        assert timers.close_resolved(NOW + 2 * HOUR, HOUR) == 1
        assert left("incident.close") == []

    def test_every_verb_on_an_incident_leaves_exactly_one(self, workspace: Workspace, incident: Incident) -> None:
        who, common = actor(workspace), {"actor": actor(workspace), "incident_id": incident.pk, "now": NOW}
        steps: list[tuple[str, Any]] = [
            ("incident.acknowledge", lambda: incidents.acknowledge(**common)),
            ("incident.unacknowledge", lambda: incidents.unacknowledge(**common)),
            ("incident.investigate", lambda: incidents.investigate(**common)),
            ("incident.snooze", lambda: incidents.snooze(**common, duration=HOUR)),
            ("incident.snooze", lambda: incidents.snooze(**common, duration=HOUR)),
            ("incident.unsnooze", lambda: incidents.unsnooze(**common)),
            ("incident.note", lambda: incidents.add_note(**common, content="x")),
            ("incident.assign", lambda: incidents.assign(**common, assignee=make_user("ben", workspace))),
            ("incident.set_priority", lambda: incidents.set_priority(**common, priority=Priority.P1)),
            ("incident.escalate", lambda: incidents.escalate(**common)),
            ("incident.escalate", lambda: incidents.escalate(**common)),
            ("incident.resolve", lambda: incidents.change_status(**common, wanted=Status.RESOLVED)),
            ("incident.reopen", lambda: incidents.reopen(**common)),
            ("incident.resolve", lambda: incidents.resolve(**common)),
            ("incident.close", lambda: incidents.close(**common)),
            (
                "incident.open",
                lambda: incidents.open_incident(actor=who, workspace_id=workspace.pk, now=NOW, title="x"),
            ),
        ]
        for n, (verb, step) in enumerate(steps, 1):
            step()
            events = left("incident")
            assert (len(events), events[-1].verb) == (n, verb)

    def test_timers_leave_theirs_in_one_statement(self, workspace: Workspace) -> None:
        for n in range(3):
            one = make_incident(workspace, dedup_key=f"k{n}")
            incidents.resolve(actor=actor(workspace), incident_id=one.pk, now=NOW)
        before = len(left())
        assert timers.close_resolved(NOW + 2 * HOUR, HOUR) == 3
        events = left("incident.close")
        assert len(left()) - before == len(events) == 3
        assert {(event.actor_kind, event.actor_label) for event in events} == {("system", "system")}
        assert events[0].before == {"status": "resolved"}

    def test_a_snooze_that_ends_leaves_one(self, workspace: Workspace, incident: Incident) -> None:
        incidents.snooze(actor=actor(workspace), incident_id=incident.pk, now=NOW, duration=HOUR)
        timers.wake_snoozed(NOW + HOUR)
        (event,) = left("incident.unsnooze")
        assert (event.at, event.after) == (NOW + HOUR, {"snoozed_until": None})

    def test_escalations_by_a_timer_leave_theirs(self, incident: Incident) -> None:
        assert timers.mark_escalated([incident.pk], NOW) == 1
        assert timers.mark_escalated([incident.pk], NOW) == 0
        (event,) = left("incident.escalate")
        assert event.after == {"escalated_at": "2026-03-19T14:30:00Z"}


class TestV1:
    @pytest.fixture(autouse=True)
    def _events(self, workspace: Workspace, incident: Incident) -> None:
        incidents.acknowledge(actor=actor(workspace, label="ana"), incident_id=incident.pk, now=NOW)
        incidents.escalate(actor=actor(workspace, label="ben"), incident_id=incident.pk, now=NOW + HOUR)
        about = Object("escalation_policy", "5", "Night", workspace.pk)
        record("escalation_policy.update", actor=actor(workspace, Role.ADMIN, "Ana"), object=about, now=NOW + 2 * HOUR)

    @pytest.fixture
    def viewer(self, key: MakeKey) -> Caller:
        return key(Role.VIEWER)

    def names(self, viewer: Caller, query: str) -> list[str]:
        answer = viewer.get(f"/api/v1/audit?from=2026-03-01T00:00:00Z&to=2026-03-30T00:00:00Z&{query}")
        assert answer.status == 200, answer
        return [item["action"] for item in answer.body["items"]]

    def test_a_viewer_reads_the_list_newest_first(self, viewer: Caller, incident: Incident) -> None:
        answer = viewer.get("/api/v1/audit?resourceType=incident")
        assert (answer.body["apiVersion"], answer.body["kind"]) == ("v1", "AuditLogList")
        assert answer.body["metadata"] == {"totalCount": 2, "page": 1, "pageSize": 20}
        item = answer.body["items"][1]
        assert item == item | {
            "timestamp": "2026-03-19T14:30:00Z",
            "action": "incident.acknowledge",
            "eventType": "issue_acknowledged",
            "severity": "info",
            "user": "ana",
            "role": "operator",
            "actorType": "user",
            "resource": incident.name,
            "resourceType": "incident",
            "namespace": "production",
            "correlationId": incident.public_id,
            "detail": "status=acknowledged; acknowledged_by=ana",
            "sourceIP": "",
            "userAgent": "",
        }
        assert answer.body["items"][0]["severity"] == "warning"

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("action=incident.acknowledge", ["incident.acknowledge"]),
            ("type=issue_escalated", ["incident.escalate"]),
            ("type=config_changed", ["escalation_policy.update"]),
            ("severity=warning", ["incident.escalate"]),
            ("severity=critical", []),
            ("user=ANA", ["escalation_policy.update", "incident.acknowledge"]),
            ("resource=Night", ["escalation_policy.update"]),
            ("resourceType=incident", ["incident.escalate", "incident.acknowledge"]),
            ("namespace=production", ["incident.escalate", "incident.acknowledge"]),
            ("namespace=default", ["escalation_policy.update"]),
            ("page=2&pageSize=2", ["incident.acknowledge"]),
            ("page=9", []),
        ],
    )
    def test_filters_narrow_it(self, viewer: Caller, query: str, found: list[str]) -> None:
        assert self.names(viewer, query) == found

    def test_from_is_in_and_to_is_out(self, viewer: Caller) -> None:
        span = "from=2026-03-19T14:30:00Z&to=2026-03-19T15:30:00Z"
        answer = viewer.get(f"/api/v1/audit?{span}")
        assert [item["action"] for item in answer.body["items"]] == ["incident.acknowledge"]

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("type=nonsense", "type"),
            ("severity=loud", "severity"),
            ("from=yesterday", "from"),
            ("to=2026-03-19T15:30:00", "to"),
            ("page=0", "page"),
            ("pageSize=101", "pageSize"),
            ("user=%00", "user"),
        ],
    )
    def test_what_cannot_be_read_is_refused_by_name(self, viewer: Caller, query: str, field: str) -> None:
        answer = viewer.get(f"/api/v1/audit?{query}")
        assert answer.status == 400
        assert field in answer.body["error"]["message"]

    def test_another_workspace_sees_none_of_it(self, key: MakeKey) -> None:
        stranger = key(Role.ADMIN, workspace=make_workspace(), name="stranger")
        items = stranger.get("/api/v1/audit").body["items"]
        assert not [item for item in items if item["resource"] in ("Night",) or item["user"] in ("ana", "ben")]

    def test_without_a_key_nobody_reads_it(self, viewer: Caller) -> None:
        assert Caller().get("/api/v1/audit").status == 401
        assert Caller().get("/api/v1/audit/export").status == 401

    def test_an_export_is_a_file_and_an_event(self, viewer: Caller, workspace: Workspace) -> None:
        response = viewer.client.get("/api/v1/audit/export?type=issue_escalated", headers=viewer.headers)
        assert response.headers["Content-Disposition"].startswith("attachment; filename=audit-events-")
        assert response.headers["Content-Type"] == "application/json"
        body = json.loads(response.content)
        assert (body["apiVersion"], body["kind"], body["totalCount"]) == ("v1", "AuditEventExport", 1)
        assert [item["action"] for item in body["items"]] == ["incident.escalate"]
        (event,) = left("audit.export")
        assert (event.workspace_id, event.actor_label) == (workspace.pk, "viewer")
        assert event.after == {"events": 1, "filters": {"type": "issue_escalated"}}

    def test_an_export_of_too_much_is_refused_and_says_how_to_narrow_it(
        self, viewer: Caller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(views, "MOST", 2)
        answer = viewer.get("/api/v1/audit/export")
        assert answer.status == 400
        assert "from and to" in answer.body["error"]["details"]
        assert left("audit.export") == []

    @pytest.mark.parametrize(("path", "queries"), [("/api/v1/audit?pageSize=100", 2), ("/api/v1/audit/export", 4)])
    def test_the_number_of_queries_does_not_grow(
        self,
        viewer: Caller,
        workspace: Workspace,
        django_assert_num_queries: DjangoAssertNumQueries,
        path: str,
        queries: int,
    ) -> None:
        viewer.get("/api/v1/audit")
        for n in range(30):
            record("x.y", actor=SYSTEM, object=Object("x", str(n), "x", workspace.pk))
        with django_assert_num_queries(queries):
            viewer.client.get(path, headers=viewer.headers)


class TestConsole:
    @pytest.fixture
    def browser(self, workspace: Workspace) -> Client:
        client = Client()
        client.force_login(make_user("viv", workspace, Role.VIEWER))
        return client

    def test_a_viewer_sees_who_did_what_and_what_changed(
        self, browser: Client, workspace: Workspace, incident: Incident
    ) -> None:
        incidents.acknowledge(actor=actor(workspace), incident_id=incident.pk, now=NOW, message="<b>mine</b>")
        page = browser.get("/console/audit").content.decode()
        assert "incident: acknowledge" in page
        assert "&lt;b&gt;mine&lt;/b&gt;" in page
        assert "<b>mine</b>" not in page

    def test_filters_and_history_narrow_it(self, browser: Client, workspace: Workspace, incident: Incident) -> None:
        incidents.acknowledge(actor=actor(workspace, label="ana"), incident_id=incident.pk, now=NOW)
        record("team.create", actor=actor(workspace, label="ben"), object=Object("team", "1", "Night", workspace.pk))
        for query, shown in {
            f"object=incident:{incident.pk}": {"ana"},
            "object=team:1": {"ben"},
            "verb=team.create": {"ben"},
            "actor=AN": {"ana"},
            "door=command&last=hour": {"ben"},
            "door=v1": set(),
        }.items():
            lines = browser.get(f"/console/audit?{query}").context["lines"]
            assert {line.event.actor_label for line in lines} & {"ana", "ben"} == shown, query

    def test_pages_follow_each_other(self, browser: Client, workspace: Workspace) -> None:
        for n in range(120):
            record("x.y", actor=SYSTEM, object=Object("x", str(n), f"n{n}", workspace.pk))
        seen: list[int] = []
        url = "/console/audit?verb=x.y"
        while url:
            context = browser.get(url).context
            seen += [line.event.pk for line in context["lines"]]
            url = context["next_url"]
        assert seen == sorted(seen, reverse=True)
        assert len(seen) == 120
        back = browser.get(f"/console/audit?verb=x.y&before={seen[60]:x}").context["lines"]
        assert [line.event.pk for line in back] == seen[10:60]

    @pytest.mark.parametrize("query", ["object=incident", "last=ever", "after=zz", "nonsense=1", "door=window"])
    def test_what_cannot_be_read_is_refused(self, browser: Client, query: str) -> None:
        assert browser.get(f"/console/audit?{query}").status_code == 400

    def test_nobody_sees_it_without_signing_in(self) -> None:
        assert Client().get("/console/audit").status_code == 302

    def test_a_stranger_sees_none_of_it(self, workspace: Workspace, incident: Incident) -> None:
        incidents.acknowledge(actor=actor(workspace), incident_id=incident.pk, now=NOW)
        stranger = Client()
        stranger.force_login(make_user("stranger", make_workspace()))
        assert stranger.get(f"/console/audit?object=incident:{incident.pk}").context["lines"] == []

    def test_an_incident_links_to_its_history(self, browser: Client, incident: Incident) -> None:
        page = browser.get(f"/console/incidents/{incident.public_id}").content.decode()
        assert f"/console/audit?object=incident:{incident.pk}" in page


class TestAdministration:
    @pytest.fixture
    def root(self, client: Client) -> Client:
        client.force_login(User.objects.create_superuser("root"))
        return client

    def test_what_is_recorded_can_only_be_looked_at(self, root: Client, workspace: Workspace) -> None:
        record("x.y", actor=SYSTEM, object=Object("x", "1", "x", workspace.pk))
        event = AuditEvent.objects.get(verb="x.y")
        assert root.get("/admin/audit/auditevent/").status_code == 200
        assert root.get(f"/admin/audit/auditevent/{event.pk}/change/").status_code == 200
        assert root.get("/admin/audit/auditevent/add/").status_code == 403
        assert root.post(f"/admin/audit/auditevent/{event.pk}/delete/", {"post": "yes"}).status_code == 403

    def test_a_team_with_its_members_is_one_event_each_time(self, root: Client, workspace: Workspace) -> None:
        ana = make_user("ana", workspace)
        root.post("/admin/access/team/add/", {"workspace": workspace.pk, "name": "NOC", "members": [ana.pk]})
        team = Team.objects.get()
        root.post(f"/admin/access/team/{team.pk}/change/", {"name": "SRE", "members": []})
        root.post(f"/admin/access/team/{team.pk}/delete/", {"post": "yes"})
        events = left("team")
        assert [event.verb for event in events] == ["team.create", "team.update", "team.delete"]
        assert {event.door for event in events} == {"admin"}
        assert events[0].after == {"name": "NOC", "members": [ana.pk]}
        assert events[1].before == {"name": "NOC", "members": [ana.pk]}
        assert events[1].after == {"name": "SRE", "members": []}
        assert (events[2].after, events[2].object_id) == (None, str(team.pk))

    def test_several_are_removed_with_an_event_each(self, root: Client, workspace: Workspace) -> None:
        teams = [Team.objects.create(workspace=workspace, name=f"T{n}") for n in range(3)]
        data = {"action": "delete_selected", "_selected_action": [team.pk for team in teams], "post": "yes"}
        root.post("/admin/access/team/", data)
        assert len(left("team.delete")) == 3

    def test_a_service_that_a_service_made_is_one_event(self, root: Client, workspace: Workspace) -> None:
        data = {"workspace": workspace.pk, "name": "payments", "description": "", "owner": "", "default_priority": ""}
        root.post("/admin/incidents/service/add/", data)
        made = Service.objects.get(name="payments")
        root.post(f"/admin/incidents/service/{made.pk}/change/", {**data, "name": "checkout"})
        assert [event.verb for event in left("service")] == ["service.create", "service.update"]
        assert left("service.update")[0].after == {"name": "checkout"}

    def test_a_role_and_a_password_are_events(self, root: Client, workspace: Workspace) -> None:
        ana = make_user("ana", workspace, Role.VIEWER)
        membership = Membership.objects.get(user=ana)
        root.post(f"/admin/access/membership/{membership.pk}/change/", {"user": ana.pk, "role": "3"})
        (event,) = left("membership")
        assert (event.before, event.after, event.workspace_id) == ({"role": 1}, {"role": 3}, workspace.pk)
        word = "another horse battery"
        data = {"password1": word, "password2": word, "usable_password": "true", "set-password": "1"}
        root.post(f"/admin/access/user/{ana.pk}/password/", data)
        (event,) = left("user")
        assert event.verb == "user.update"
        assert list(event.after) == ["password"]
        assert event.after["password"].startswith("secret:")

    def test_the_history_of_a_row_is_the_audit(self, root: Client, workspace: Workspace) -> None:
        team = Team.objects.create(workspace=workspace, name="NOC")
        answer = root.get(f"/admin/access/team/{team.pk}/history/")
        assert answer.headers["Location"] == f"/console/audit?object=team%3A{team.pk}"
