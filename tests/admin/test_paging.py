"""The administration of paging: every page loads and shows one's own workspaces only; what changes goes through the services."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from aiops.access.actors import SYSTEM, Role
from aiops.access.models import User, Workspace
from incidents.catalogue.services.bootstrap import ensure_workspace_defaults
from incidents.models import Service
from notifications.choices import ChannelKind, DeliveryState, Purpose, Urgency
from notifications.delivery.services import destinations, providers
from notifications.escalation.services import policies, routes
from notifications.models import (
    ContactRule,
    Delivery,
    Destination,
    EscalationPolicy,
    EscalationRun,
    MessageTemplate,
    PagingProof,
    PolicyVersion,
    Provider,
    QuietHours,
    Receipt,
    Route,
    ServicePolicy,
    UnreachableService,
)
from tests.admin.test_changes import messages
from tests.admin.test_pages import staff, text
from tests.factories import NOW, make_incident, make_user, make_workspace
from tests.receivers import Receivers

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.urls")]

BASE = "/admin/notifications"
CONFIGURED = {
    "escalationpolicy": EscalationPolicy, "servicepolicy": ServicePolicy, "provider": Provider, "destination": Destination,
    "messagetemplate": MessageTemplate, "route": Route,
}  # fmt: skip
RECORDS = {
    "delivery": Delivery, "escalationrun": EscalationRun, "pagingproof": PagingProof, "unreachableservice": UnreachableService,
}  # fmt: skip
PERSONAL = {"contactrule": ContactRule, "quiethours": QuietHours}
SECRET = "xoxb-very-secret"
ADDRESS = "https://hooks.example.com/services/very-secret"


def furnish(workspace: Workspace) -> None:
    """One of everything, named after the workspace."""
    ensure_workspace_defaults(workspace)
    name, service = workspace.name, Service.objects.get(workspace=workspace, is_default=True)
    Service.objects.filter(pk=service.pk).update(name=f"service of {name}")
    own = {"actor": SYSTEM, "workspace": workspace}
    providers.save_provider(**own, kind=ChannelKind.SLACK, name=f"Slack of {name}", settings={"token": SECRET})
    hook = destinations.create_destination(
        **own, kind=ChannelKind.WEBHOOK, address=ADDRESS, label=f"hook of {name}", now=NOW
    )
    definition = {"steps": [{"targets": [{"kind": "channel", "id": hook.pk}]}]}
    policy = policies.create_policy(**own, name=f"policy of {name}", definition=definition, now=NOW, is_default=True)
    policies.set_service_policy(actor=SYSTEM, service_id=service.pk, policy_id=policy.pk)
    routes.create_route(**own, name=f"route of {name}", destinations=[hook.pk])
    MessageTemplate.objects.create(workspace=workspace, kind="sms", purpose="page", subject=f"of {name}", body="x")
    incident = make_incident(workspace, title=f"trouble in {name}")
    delivery = Delivery.objects.create(
        workspace=workspace, incident=incident, purpose=Purpose.PAGE, kind=ChannelKind.WEBHOOK, destination=hook, due_at=NOW,
        created_at=NOW, state=DeliveryState.SENT, data={"code": SECRET}, step=0,
    )  # fmt: skip
    Receipt.objects.create(delivery=delivery, at=NOW, state=DeliveryState.SENT, detail=f"taken for {name}")
    PagingProof.objects.create(workspace=workspace, started_at=NOW, error=f"of {name}")
    UnreachableService.objects.create(service=service, workspace=workspace, found_at=NOW, at=NOW, reason=f"of {name}")


@pytest.fixture
def acme() -> Workspace:
    workspace = make_workspace("Acme")
    furnish(workspace)
    return workspace


@pytest.fixture
def root(client: Client) -> Client:
    user = User.objects.create_superuser("root")
    client.force_login(user)
    phone = destinations.create_destination(
        actor=SYSTEM, kind=ChannelKind.SMS, address="+15550001", owner=user, now=NOW
    )
    ContactRule.objects.create(user=user, destination=phone)
    QuietHours.objects.create(user=user, begins="22:00", ends="07:00")
    return client


@pytest.mark.parametrize("page", [*CONFIGURED, *RECORDS, *PERSONAL])
def test_list_and_detail_load(root: Client, acme: Workspace, page: str) -> None:
    model = (CONFIGURED | RECORDS | PERSONAL)[page]
    row = model.objects.exclude(workspace=None).first() if page == "destination" else model.objects.first()
    for shown in (
        text(root, f"notifications/{page}/"),
        text(root, f"notifications/{page}/{row.pk}/change/"),
    ):
        assert SECRET not in shown
        assert ADDRESS not in shown
    assert root.get(f"{BASE}/{page}/add/").status_code == (403 if page in RECORDS else 200)


@pytest.mark.parametrize("page", [*CONFIGURED, *RECORDS])
def test_the_number_of_queries_does_not_grow(
    root: Client, acme: Workspace, page: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(4):
        furnish(make_workspace(f"Other {n}"))
    with django_assert_max_num_queries(10):
        text(root, f"notifications/{page}/")


@pytest.mark.parametrize("role", list(Role))
def test_staff_see_their_own_workspaces_and_only_admins_change_them(acme: Workspace, role: Role) -> None:
    globex = make_workspace("Globex")
    furnish(globex)
    client = staff(acme, role)
    for page, model in (CONFIGURED | RECORDS).items():
        listed = text(client, f"notifications/{page}/")
        assert "Acme" in listed, page
        assert "Globex" not in listed, page
        foreign = next(row for row in model.objects.all() if "Globex" in str(row.__dict__) + str(row) + _about(row))
        assert client.get(f"{BASE}/{page}/{foreign.pk}/change/").status_code == 302, page
        own = next(row for row in model.objects.all() if "Acme" in str(row.__dict__) + str(row) + _about(row))
        assert SECRET not in text(client, f"notifications/{page}/{own.pk}/change/")
        assert client.get(f"{BASE}/{page}/add/").status_code == (
            200 if role == Role.ADMIN and page in CONFIGURED else 403
        )
    for page in PERSONAL:
        assert client.get(f"{BASE}/{page}/").status_code == 403
    if role == Role.ADMIN:
        for page in CONFIGURED:
            assert "Globex" not in text(client, f"notifications/{page}/add/"), page


def _about(row: Any) -> str:
    workspace = getattr(row, "workspace", None) or row.service.workspace
    return str(workspace)


class TestPolicies:
    def data(self, workspace: Workspace, definition: Any, **fields: Any) -> dict[str, Any]:
        said = definition if isinstance(definition, str) else json.dumps(definition)
        data = {"workspace": workspace.pk, "name": "Nights", "description": "", "enabled": "on", "severities": "[]"}
        data |= {"versions-TOTAL_FORMS": "0", "versions-INITIAL_FORMS": "0"}
        return data | {"definition": said} | fields

    def test_another_definition_is_a_new_version(self, root: Client, acme: Workspace) -> None:
        target = {"kind": "admins", "id": acme.pk}
        first = {"steps": [{"name": "L1", "targets": [target]}]}
        answer = root.post(f"{BASE}/escalationpolicy/add/", self.data(acme, first))
        assert answer.status_code == 302, answer.context["errors"]
        policy = EscalationPolicy.objects.get(name="Nights")
        second = {
            "steps": [{"name": "L1", "targets": [target]}, {"name": "L2", "delay_minutes": 5, "targets": [target]}]
        }
        root.post(f"{BASE}/escalationpolicy/{policy.pk}/change/", self.data(acme, second, name="Nights 2"))
        policy.refresh_from_db()
        assert (policy.name, policy.version.number) == ("Nights 2", 2)
        page = text(root, f"notifications/escalationpolicy/{policy.pk}/change/")
        assert "delay_minutes" in page
        assert PolicyVersion.objects.filter(policy=policy).count() == 2
        root.post(f"{BASE}/escalationpolicy/{policy.pk}/delete/", {"post": "yes"})
        assert not EscalationPolicy.objects.filter(pk=policy.pk).exists()

    @pytest.mark.parametrize(
        ("definition", "path"),
        [
            ({"steps": []}, "steps"),
            ({"steps": [{"targets": [{"kind": "user", "id": 999999}]}]}, "steps[0].targets[0].id"),
            ({"steps": [{"targets": [{"kind": "admins", "id": 1}], "delay_minutes": -1}]}, "steps[0].delay_minutes"),
            ([1], "definition"),
            ("{", "valid JSON"),
        ],
    )
    def test_what_is_wrong_is_told_with_its_path(
        self, root: Client, acme: Workspace, definition: Any, path: str
    ) -> None:
        answer = root.post(f"{BASE}/escalationpolicy/add/", self.data(acme, definition))
        assert answer.status_code == 200
        assert path in str(answer.context["errors"])
        assert not EscalationPolicy.objects.filter(name="Nights").exists()

    def test_a_service_gets_a_policy_of_its_own_workspace_only(self, root: Client, acme: Workspace) -> None:
        globex = make_workspace("Globex")
        furnish(globex)
        row = ServicePolicy.objects.get(service__workspace=acme)
        foreign = EscalationPolicy.objects.get(workspace=globex)
        answer = root.post(f"{BASE}/servicepolicy/{row.pk}/change/", {"policy": foreign.pk}, follow=True)
        assert "expected a policy of the service's workspace" in " ".join(messages(answer))
        root.post(f"{BASE}/servicepolicy/{row.pk}/delete/", {"post": "yes"})
        assert not ServicePolicy.objects.filter(pk=row.pk).exists()


class TestOutlets:
    def test_an_accounts_settings_are_written_and_never_read(self, root: Client, acme: Workspace) -> None:
        row = Provider.objects.get()
        data = {
            "workspace": acme.pk,
            "name": "Slack",
            "is_default": "on",
            "settings_json": '{"signing_secret": "sssh"}',
        }
        page = f"{BASE}/provider/{row.pk}/change/"
        answer = root.post(page, data)
        assert answer.status_code == 302, answer.context["errors"]
        row.refresh_from_db()
        assert (row.name, row.settings["token"], row.settings["signing_secret"]) == ("Slack", SECRET, "sssh")
        shown = root.get(page).content.decode()
        assert "sssh" not in shown
        assert "token, signing_secret" in shown
        for junk in ('{"pigeon": "x"}', '{"base_url": "nowhere"}', "[1]", '{"token": 1}'):
            assert root.post(page, data | {"settings_json": junk}).context["errors"]

    def test_a_destination_is_made_changed_tested_and_mended(
        self, root: Client, acme: Workspace, receivers: Receivers, settings: Any
    ) -> None:
        settings.AIOPS_OUTBOUND_ALLOW = ["127.0.0.1"]
        data = {
            "workspace": acme.pk,
            "kind": "webhook",
            "label": "new",
            "address": receivers.webhook.url,
            "enabled": "on",
        }
        answer = root.post(f"{BASE}/destination/add/", data | {"provider": ""})
        assert answer.status_code == 302, answer.context["errors"]
        row = Destination.objects.get(label="new")
        assert row.secret
        for wrong in ({"address": "ftp://x"}, {"address": ""}, {"workspace": ""}):
            assert root.post(f"{BASE}/destination/add/", data | {"label": "y"} | wrong).context["errors"]
        root.post(f"{BASE}/destination/{row.pk}/change/", {"label": "newer", "address": ""})
        row.refresh_from_db()
        assert (row.label, row.enabled, row.address) == ("newer", False, receivers.webhook.url)
        Destination.objects.filter(pk=row.pk).update(broken_at=NOW, enabled=True)
        root.post(f"{BASE}/destination/", {"action": "mend", "_selected_action": [row.pk]})
        row.refresh_from_db()
        assert row.broken_at is None
        answer = root.post(f"{BASE}/destination/", {"action": "send_test", "_selected_action": [row.pk]}, follow=True)
        assert messages(answer)[-1] == "Signed webhook: newer: delivered."
        assert receivers.webhook.requests

    def test_viewers_send_no_tests_and_nobody_those_of_another_workspace(self, acme: Workspace) -> None:
        globex = make_workspace("Globex")
        furnish(globex)
        rows = [row.pk for row in Destination.objects.all()]
        before = Delivery.objects.count()
        staff(acme, Role.VIEWER).post(f"{BASE}/destination/", {"action": "send_test", "_selected_action": rows})
        assert Delivery.objects.count() == before

    def test_a_persons_own_addresses_are_on_no_page(self, root: Client, acme: Workspace) -> None:
        own = Destination.objects.get(owner__isnull=False)
        assert own.label not in text(root, "notifications/destination/")
        assert root.get(f"{BASE}/destination/{own.pk}/change/").status_code == 302

    def test_words_that_cannot_be_read_are_refused(self, root: Client, acme: Workspace) -> None:
        data = {"workspace": acme.pk, "kind": "email", "purpose": "page", "subject": "", "body": "{% if %}"}
        assert "ine 1" in str(root.post(f"{BASE}/messagetemplate/add/", data).context["errors"])
        assert root.post(f"{BASE}/messagetemplate/add/", data | {"purpose": "verify", "body": "x"}).context["errors"]
        assert root.post(f"{BASE}/messagetemplate/add/", data | {"body": "{{ incident.name }}"}).status_code == 302
        assert MessageTemplate.objects.get(kind="email").body == "{{ incident.name }}"


class TestRoutes:
    def test_a_route_is_made_and_what_is_wrong_is_told_beside_its_field(self, root: Client, acme: Workspace) -> None:
        hook = Destination.objects.get(workspace=acme)
        data = {"workspace": acme.pk, "name": "Nights", "enabled": "on", "position": "9", "severities": '["critical"]'}
        data |= {"service": "", "team": "", "labels": '{"team": "pay*"}', "window": "{}", "channels": "[]"}
        answer = root.post(f"{BASE}/route/add/", data | {"destinations": [hook.pk]})
        assert answer.status_code == 302, answer.context["errors"]
        route = Route.objects.get(name="Nights")
        assert (route.labels, list(route.destinations.all())) == ({"team": "pay*"}, [hook])
        for wrong in (
            {"severities": '["dire"]'},
            {"labels": "[1]"},
            {"window": '{"from": "late"}'},
            {"channels": '["pigeon"]'},
            {},
        ):
            assert root.post(f"{BASE}/route/add/", data | {"name": "x"} | wrong).context["errors"], wrong
        globex = make_workspace("Globex")
        furnish(globex)
        foreign = Destination.objects.get(workspace=globex)
        assert root.post(f"{BASE}/route/add/", data | {"name": "x", "destinations": [foreign.pk]}).context["errors"]
        root.post(f"{BASE}/route/{route.pk}/delete/", {"post": "yes"})
        assert not Route.objects.filter(name="Nights").exists()


class TestPeople:
    def test_an_admin_of_everything_puts_rules_and_quiet_hours_right(self, root: Client, acme: Workspace) -> None:
        user = make_user("bo", acme)
        mail = destinations.create_destination(
            actor=SYSTEM, kind=ChannelKind.EMAIL, address=user.email, owner=user, now=NOW
        )
        data = {"user": user.pk, "urgency": "high", "delay_minutes": "5", "destination": mail.pk}
        answer = root.post(f"{BASE}/contactrule/add/", data)
        assert answer.status_code == 302, answer.context["errors"]
        rule = ContactRule.objects.get(user=user)
        root.post(f"{BASE}/contactrule/{rule.pk}/change/", data | {"urgency": "low", "delay_minutes": "0"})
        rule = ContactRule.objects.get(user=user)
        assert (rule.urgency, rule.delay_minutes) == (Urgency.LOW, 0)
        root.post(f"{BASE}/contactrule/{rule.pk}/delete/", {"post": "yes"})
        assert not ContactRule.objects.filter(user=user).exists()
        answer = root.post(
            f"{BASE}/quiethours/add/", {"user": user.pk, "begins": "22:00", "ends": "07:00", "days": "[5]"}
        )
        assert answer.status_code == 302, answer.context["errors"]
        quiet = QuietHours.objects.get(user=user)
        answer = root.post(
            f"{BASE}/quiethours/{quiet.pk}/change/", {"begins": "07:00", "ends": "07:00", "days": "[]"}, follow=True
        )
        assert "different times" in " ".join(messages(answer))
