"""What the administration changes, it changes through the services."""

from __future__ import annotations

import logging
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from aiops.access import keyring
from aiops.access.actors import Actor, Role
from aiops.access.models import ApiKey, Membership, Team, User, Workspace
from aiops.access.services.keys import create_key
from incidents.catalogue.services.bootstrap import ensure_workspace_defaults
from incidents.models import Incident, Service, Source, TimelineEntry
from tests.factories import NOW, actor, make_incident, make_service, make_user, make_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.urls")]


@pytest.fixture
def root(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def acme() -> Workspace:
    workspace = make_workspace("Acme")
    ensure_workspace_defaults(workspace)
    return workspace


def messages(answer: object) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


class TestApiKeys:
    def new(self, workspace: Workspace | None, **data: str) -> dict[str, str]:
        chosen = str(workspace.pk) if workspace else ""
        return {"name": "ci", "workspace": chosen, "role": "2", "expires_at_0": "", "expires_at_1": ""} | data

    @pytest.mark.django_db(transaction=True)
    def test_a_new_key_is_shown_once_and_works(
        self, root: Client, acme: Workspace, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        answer = root.post("/admin/access/apikey/add/", self.new(acme))
        (raw,) = set(re.findall("ak_[0-9a-f]{32}", answer.content.decode()))
        assert "no-store" in answer["Cache-Control"]
        found = keyring.find(raw, NOW)
        assert found is not None
        assert found.roles == ((acme.pk, Role.OPERATOR),)
        assert raw not in str(answer.cookies) + str(dict(root.session)) + caplog.text
        assert raw not in str(list(LogEntry.objects.values()))
        key = ApiKey.objects.get()
        for path in ("", f"{key.pk}/change/", f"{key.pk}/history/"):
            assert raw not in root.get(f"/admin/access/apikey/{path}").content.decode()

    def test_a_key_of_all_workspaces_is_an_empty_choice(self, root: Client) -> None:
        assert "All workspaces" in root.get("/admin/access/apikey/add/").content.decode()
        assert "all workspaces" in root.post("/admin/access/apikey/add/", self.new(None)).content.decode()
        assert ApiKey.objects.get().workspace is None

    def test_an_expiry_in_the_past_is_refused_beside_its_field(self, root: Client, acme: Workspace) -> None:
        data = self.new(acme, expires_at_0="2020-01-01", expires_at_1="00:00")
        answer = root.post("/admin/access/apikey/add/", data)
        assert answer.context["errors"] == [["The expiry must lie in the future."]]
        assert not ApiKey.objects.exists()

    def test_of_a_key_only_the_name_can_be_changed(self, root: Client, acme: Workspace) -> None:
        key, _ = create_key(actor=_admin(acme), name="ci", workspace=acme, role=Role.VIEWER, now=NOW)
        before = ApiKey.objects.values().get()
        data = self.new(None, name="better name", role="3", digest="0" * 64, prefix="x", expires_at_0="2099-01-01")
        assert root.post(f"/admin/access/apikey/{key.pk}/change/", data).status_code == 302
        assert ApiKey.objects.values().get() == before | {"name": "better name"}

    def test_keys_are_revoked_and_never_deleted(self, root: Client, acme: Workspace) -> None:
        key, _ = create_key(actor=_admin(acme), name="ci", workspace=acme, role=Role.VIEWER, now=NOW)
        assert root.post(f"/admin/access/apikey/{key.pk}/delete/", {"post": "yes"}).status_code == 403
        data = {"action": "revoke", "_selected_action": [key.pk]}
        answer = root.post("/admin/access/apikey/", data, follow=True)
        assert messages(answer) == ["1 key revoked; refused everywhere within 5 seconds."]
        assert ApiKey.objects.get().revoked_at is not None


class TestConfiguration:
    def test_a_new_workspace_comes_with_its_service_and_sources(self, root: Client) -> None:
        assert root.post("/admin/access/workspace/add/", {"name": "Globex", "slug": ""}).status_code == 302
        workspace = Workspace.objects.get()
        assert workspace.slug == "ws-globex"
        assert Service.objects.filter(workspace=workspace, is_default=True).count() == 1
        assert (
            root.post(f"/admin/access/workspace/{workspace.pk}/change/", {"name": "Globex 2", "slug": "x"}).status_code
            == 302
        )
        workspace.refresh_from_db()
        assert (workspace.name, workspace.slug) == ("Globex 2", "ws-globex")

    def test_what_a_service_refuses_after_the_form_was_happy_is_said_on_the_page(self, root: Client) -> None:
        answer = root.post("/admin/access/workspace/add/", {"name": "Globex", "slug": "no blanks"}, follow=True)
        assert answer.status_code == 200
        assert messages(answer)[0].startswith("A workspace id is")
        assert not Workspace.objects.exists()

    def test_a_service_is_made_with_a_key_and_changed_without_touching_it(self, root: Client, acme: Workspace) -> None:
        data = {"workspace": acme.pk, "name": "payments-api", "description": "", "owner": "", "default_priority": "1"}
        assert root.post("/admin/incidents/service/add/", data).status_code == 302
        service = Service.objects.get(name="payments-api")
        key = service.routing_key
        assert len(key) == 32
        root.post(f"/admin/incidents/service/{service.pk}/change/", data | {"name": "payments", "default_priority": ""})
        service.refresh_from_db()
        assert (service.name, service.default_priority, service.routing_key) == ("payments", None, key)

    def test_a_taken_name_is_refused_beside_the_form_also_when_changing(self, root: Client, acme: Workspace) -> None:
        service = make_service(acme, "payments-api")
        data = {"workspace": acme.pk, "name": "DEFAULT service", "description": "", "owner": "", "default_priority": ""}
        for path in ("add", f"{service.pk}/change"):
            answer = root.post(f"/admin/incidents/service/{path}/", data)
            assert answer.status_code == 200
            assert answer.context["errors"]

    def test_an_owner_of_another_workspace_is_refused(self, root: Client, acme: Workspace) -> None:
        foreign = Team.objects.create(workspace=make_workspace(), name="SRE")
        service = Service.objects.get()
        data = {"workspace": acme.pk, "name": "x", "description": "", "owner": foreign.pk, "default_priority": ""}
        for path in ("add", f"{service.pk}/change"):
            answer = root.post(f"/admin/incidents/service/{path}/", data, follow=True)
            assert "same workspace" in str(messages(answer)) + str(answer.context.get("errors"))
        assert not Service.objects.filter(owner=foreign).exists()

    def test_rotating_makes_a_new_key(self, root: Client, acme: Workspace) -> None:
        service, source = Service.objects.get(), Source.objects.first()
        for page, row in (("service", service), ("source", source)):
            data = {"action": "rotate", "_selected_action": [row.pk]}
            answer = root.post(f"/admin/incidents/{page}/", data, follow=True)
            assert messages(answer) == [f"{row.name} has a new key; open it to see it."]
        assert Service.objects.get().routing_key != service.routing_key
        assert Source.objects.get(pk=source.pk).key != source.key

    def test_a_source_shows_its_url(self, root: Client, acme: Workspace) -> None:
        data = {"workspace": acme.pk, "kind": "alertmanager", "name": "prod", "service": "", "enabled": "on"}
        assert root.post("/admin/incidents/source/add/", data | {"limit_per_minute": ""}).status_code == 302
        source = Source.objects.get(name="prod")
        page = root.get(f"/admin/incidents/source/{source.pk}/change/").content.decode()
        assert f'value="http://127.0.0.1:8888/in/{source.key}"' in page

    def test_a_key_that_cannot_be_unsealed_says_so(self, root: Client, acme: Workspace) -> None:
        Service.objects.update(routing_key_sealed="gone")
        page = root.get(f"/admin/incidents/service/{Service.objects.get().pk}/change/").content.decode()
        assert "rotate it" in page

    def test_a_person_is_made_with_a_time_zone_and_roles(self, root: Client, acme: Workspace) -> None:
        data = {"username": "ana", "email": "ana@example.com", "time_zone": "Europe/Berlin", "usable_password": "true"}
        data |= {"password1": "correct horse battery", "password2": "correct horse battery"}
        data |= {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
        answer = root.post("/admin/access/user/add/", data)
        assert answer.status_code == 302, answer.context["errors"]
        user = User.objects.get(username="ana")
        assert user.time_zone == "Europe/Berlin"
        assert not user.is_staff
        wrong = root.post("/admin/access/user/add/", data | {"username": "ben", "time_zone": "Mars/Base"})
        assert "is no IANA time zone" in str(wrong.context["errors"])
        page = f"/admin/access/user/{user.pk}/change/"
        data = {"username": "ana", "time_zone": "UTC", "is_active": "on", "memberships-TOTAL_FORMS": "1"}
        data |= {"memberships-INITIAL_FORMS": "0", "memberships-0-workspace": acme.pk, "memberships-0-role": "3"}
        data |= {"memberships-0-user": user.pk}
        answer = root.post(page, data)
        assert answer.status_code == 302, answer.context["errors"]
        assert Membership.objects.get(user=user).role == Role.ADMIN.value


class TestIncidents:
    def act(self, client: Client, action: str, *incidents: Incident) -> list[str]:
        data = {"action": action, "_selected_action": [incident.pk for incident in incidents]}
        return messages(client.post("/admin/incidents/incident/", data, follow=True))

    def test_actions_go_through_the_services(self, root: Client, acme: Workspace) -> None:
        one, two = make_incident(acme), make_incident(acme)
        assert self.act(root, "acknowledge", one, two) == ["2 incidents acknowledged."]
        assert self.act(root, "resolve", one) == ["1 incident resolved."]
        assert self.act(root, "close", one) == ["1 incident closed."]
        one.refresh_from_db()
        two.refresh_from_db()
        assert (one.status, two.status, two.acknowledged_by) == ("closed", "acknowledged", "root")
        told = TimelineEntry.objects.filter(incident=one).exclude(to_status="").order_by("pk")
        assert [entry.to_status for entry in told][-3:] == ["acknowledged", "resolved", "closed"]

    def test_a_refusal_names_the_incident_and_stops_none_of_the_others(self, root: Client, acme: Workspace) -> None:
        one, two = make_incident(acme), make_incident(acme)
        self.act(root, "acknowledge", one)
        assert self.act(root, "acknowledge", one, two) == [
            "1 incident acknowledged.",
            f"{one.name}: Incident already acknowledged.",
        ]

    def test_a_viewer_has_no_actions_and_an_operator_only_in_the_own_workspace(self, acme: Workspace) -> None:
        own, foreign = make_incident(acme), make_incident(make_workspace())
        for role in (Role.VIEWER, Role.OPERATOR):
            client = Client()
            client.force_login(make_user(role.word, acme, role, is_staff=True))
            self.act(client, "acknowledge", own, foreign)
            own.refresh_from_db()
            foreign.refresh_from_db()
            assert own.status == ("open" if role == Role.VIEWER else "acknowledged")
            assert foreign.status == "open"

    def test_nothing_else_can_be_changed(self, root: Client, acme: Workspace) -> None:
        incident = make_incident(acme, title="before")
        assert root.post(f"/admin/incidents/incident/{incident.pk}/change/", {"title": "after"}).status_code == 403
        assert root.post(f"/admin/incidents/incident/{incident.pk}/delete/", {"post": "yes"}).status_code == 403
        incident.refresh_from_db()
        assert incident.title == "before"


def _admin(workspace: Workspace) -> Actor:
    return actor(workspace, Role.ADMIN)
