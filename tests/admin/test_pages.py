"""The administration: every page loads, shows only what the person may see, and costs a bounded number of queries."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from aiops.access.actors import SYSTEM, Role
from aiops.access.models import ApiKey, Membership, Team, User, Workspace
from aiops.access.services.keys import create_key
from incidents.catalogue.services.bootstrap import ensure_workspace_defaults
from incidents.choices import SourceKind
from incidents.models import DeadLetter, Incident, Service, Source
from incidents.response.services.incidents import add_note
from tests.factories import NOW, actor, make_incident, make_service, make_user, make_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.urls")]

MODELS = {
    "access/user": User, "access/workspace": Workspace, "access/team": Team, "access/membership": Membership,
    "access/apikey": ApiKey, "incidents/service": Service, "incidents/source": Source, "incidents/incident": Incident,
    "incidents/deadletter": DeadLetter,
}  # fmt: skip
READ_ONLY = ("incidents/incident", "incidents/deadletter")


def furnish(workspace: Workspace, raw: bytes = b"{") -> None:
    """One of everything."""
    ensure_workspace_defaults(workspace)
    Team.objects.create(workspace=workspace, name=f"team of {workspace.name}")
    make_user(f"member-{workspace.pk}", workspace)
    create_key(actor=SYSTEM, name=f"key of {workspace.name}", workspace=workspace, role=Role.VIEWER, now=NOW)
    make_incident(workspace, title=f"trouble in {workspace.name}")
    DeadLetter.objects.create(
        workspace=workspace,
        source=Source.objects.filter(workspace=workspace).first(),
        source_kind=SourceKind.WEBHOOK,
        received_at=NOW,
        error=f"Invalid JSON from {workspace.name}",
        raw=raw,
    )


@pytest.fixture
def acme() -> Workspace:
    workspace = make_workspace("Acme")
    furnish(workspace)
    return workspace


@pytest.fixture
def root(client: Client) -> Client:
    """Signed in as a superuser."""
    client.force_login(User.objects.create_superuser("root"))
    return client


def staff(workspace: Workspace, role: Role) -> Client:
    """Signed in as staff with one role in one workspace."""
    client = Client()
    client.force_login(make_user(f"{role.word}-{workspace.pk}", workspace, role, is_staff=True))
    return client


def text(client: Client, path: str) -> str:
    answer = client.get(f"/admin/{path}")
    assert answer.status_code == 200, path
    return answer.content.decode()


@pytest.mark.parametrize("page", MODELS)
def test_list_and_detail_load_for_a_superuser(root: Client, acme: Workspace, page: str) -> None:
    text(root, f"{page}/")
    text(root, f"{page}/?q=a" if page != "incidents/deadletter" else f"{page}/?q=JSON")
    text(root, f"{page}/{MODELS[page].objects.first().pk}/change/")
    assert root.get(f"/admin/{page}/add/").status_code == (403 if page in READ_ONLY else 200)


def test_the_index_shows_what_there_is_and_no_permission_groups(root: Client) -> None:
    index = text(root, "")
    for page in MODELS:
        assert f'href="/admin/{page}/"' in index
    assert "Groups" not in index


@pytest.mark.parametrize("page", MODELS)
def test_the_number_of_queries_does_not_grow_with_the_rows(
    root: Client, acme: Workspace, page: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(5):
        furnish(make_workspace(f"Other {n}"))
    with django_assert_max_num_queries(9):
        text(root, f"{page}/")


def test_nor_does_that_of_an_incidents_page_with_its_timeline(
    root: Client, acme: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    incident = Incident.objects.get()
    for n in range(20):
        add_note(actor=actor(acme), incident_id=incident.pk, now=NOW, content=f"note number {n}")
    with django_assert_max_num_queries(10):
        page = text(root, f"incidents/incident/{incident.pk}/change/")
    assert "note number 0" in page
    assert "note number 19" in page


class TestScope:
    @pytest.mark.parametrize("role", list(Role))
    def test_staff_see_their_own_workspaces_only(self, acme: Workspace, role: Role) -> None:
        globex = make_workspace("Globex")
        furnish(globex)
        client = staff(acme, role)
        for page, model in MODELS.items():
            if page == "access/user" or (page == "incidents/deadletter" and role == Role.VIEWER):
                assert client.get(f"/admin/{page}/").status_code == 403
                continue
            listed = text(client, f"{page}/")
            assert "Acme" in listed, page
            assert "Globex" not in listed, page
            foreign = globex if model is Workspace else model.objects.filter(workspace=globex).first()
            answer = client.get(f"/admin/{page}/{foreign.pk}/change/")
            assert (answer.status_code, answer["Location"]) == (302, "/admin/"), page
            assert "doesn’t exist" in client.get("/admin/").content.decode()

    @pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
    def test_viewers_and_operators_change_nothing(self, acme: Workspace, role: Role) -> None:
        client = staff(acme, role)
        for page in MODELS:
            assert client.get(f"/admin/{page}/add/").status_code == 403, page
        service = Service.objects.get()
        assert client.post(f"/admin/incidents/service/{service.pk}/change/", {"name": "mine"}).status_code == 403
        assert client.post(f"/admin/incidents/service/{service.pk}/delete/", {"post": "yes"}).status_code == 403
        rotate = {"action": "rotate", "_selected_action": [service.pk]}
        client.post("/admin/incidents/service/", rotate)
        assert Service.objects.get().routing_key == service.routing_key

    def test_routing_keys_and_source_urls_are_for_admins(self, acme: Workspace) -> None:
        service, source = Service.objects.get(), Source.objects.first()
        pages = (f"incidents/service/{service.pk}/change/", f"incidents/source/{source.pk}/change/")
        for page, secret in zip(pages, (service.routing_key, f"/in/{source.key}"), strict=True):
            assert secret in text(staff(acme, Role.ADMIN), page)
            User.objects.filter(username__startswith="admin").delete()
            assert secret not in text(staff(acme, Role.OPERATOR), page)
            User.objects.filter(username__startswith="operator").delete()

    def test_an_admin_of_one_workspace_offers_nothing_of_another(self, acme: Workspace) -> None:
        globex = make_workspace("Globex")
        furnish(globex)
        client = staff(acme, Role.ADMIN)
        for page in ("access/team", "access/apikey", "incidents/service", "incidents/source"):
            form = text(client, f"{page}/add/")
            assert "Acme" in form, page
            assert "Globex" not in form, page
            assert f"member-{globex.pk}" not in form, page
            smuggled = {"workspace": globex.pk, "name": "smuggled", "kind": "webhook", "role": "1", "enabled": "on"}
            smuggled |= {"expires_at_0": "", "expires_at_1": "", "default_priority": ""}
            answer = client.post(f"/admin/{page}/add/", smuggled)
            assert answer.status_code == 200, page  # the form again, with its complaint
            assert not MODELS[page].objects.filter(name="smuggled").exists(), page

    def test_an_admin_of_one_workspace_makes_no_key_of_all(self, acme: Workspace) -> None:
        data = {"name": "everything", "workspace": "", "role": "3", "expires_at_0": "", "expires_at_1": ""}
        client = staff(acme, Role.ADMIN)
        assert client.post("/admin/access/apikey/add/", data).status_code == 200
        assert not ApiKey.objects.filter(name="everything").exists()

    def test_people_and_roles_are_for_superusers(self, acme: Workspace) -> None:
        client = staff(acme, Role.ADMIN)
        own = Membership.objects.get(user__username__startswith="admin")
        for path in ("access/membership/add/", "access/user/add/", "access/workspace/add/"):
            assert client.get(f"/admin/{path}").status_code == 403
        client.post(
            f"/admin/access/membership/{own.pk}/change/", {"user": own.user_id, "workspace": acme.pk, "role": 3}
        )
        assert client.get(f"/admin/access/user/{own.user_id}/change/").status_code in (302, 403)

    def test_staff_without_any_workspace_and_people_who_are_no_staff_see_nothing(self, acme: Workspace) -> None:
        lost, member = Client(), Client()
        lost.force_login(make_user("lost", is_staff=True))
        assert "You don’t have permission to view or edit anything." in text(lost, "")
        assert lost.get("/admin/incidents/incident/").status_code == 403
        member.force_login(make_user("member", acme, Role.ADMIN))
        assert member.get("/admin/").status_code == 302


class TestSecrets:
    def test_lists_show_no_secret(self, root: Client, acme: Workspace) -> None:
        _, raw = create_key(actor=SYSTEM, name="ci", workspace=acme, role=Role.VIEWER, now=NOW)
        service, source = Service.objects.get(), Source.objects.first()
        key = ApiKey.objects.get(name="ci")
        for page in MODELS:
            listed = text(root, f"{page}/")
            for secret in (
                raw,
                key.digest,
                service.routing_key,
                service.routing_key_digest,
                source.key,
                source.key_digest,
            ):
                assert secret not in listed, page

    def test_a_raw_body_is_shown_as_text_and_never_runs(self, root: Client, acme: Workspace) -> None:
        letter = DeadLetter.objects.get()
        letter.raw = b'<script>alert("x")</script>\x00\xff'
        letter.save()
        page = text(root, f"incidents/deadletter/{letter.pk}/change/")
        assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;␀�" in page
        assert "<script>alert(" not in page

    def test_the_list_of_dead_letters_does_not_read_their_bodies(
        self, root: Client, acme: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_max_num_queries(9) as captured:
            text(root, "incidents/deadletter/")
        assert not [query for query in captured.captured_queries if '"raw"' in query["sql"]]

    def test_dead_letters_are_for_operators(self, client: Client, acme: Workspace) -> None:
        other = make_workspace("Other")
        letter = DeadLetter.objects.get()
        for role, status in ((Role.VIEWER, 403), (Role.OPERATOR, 200)):
            user = make_user(f"staff-{role}", acme, role, is_staff=True)
            Membership.objects.create(user=user, workspace=other, role=Role.ADMIN)
            client.force_login(user)
            page = client.get(f"/admin/incidents/deadletter/{letter.pk}/change/")
            listed = client.get("/admin/incidents/deadletter/").content.decode()
            assert (page.status_code == 200) == (status == 200), role
            assert (str(letter.error) in listed) == (status == 200), role

    @pytest.mark.parametrize(
        "lookup",
        ["settings_sealed__startswith=a", "data__icontains=a", "key_sealed__gt=a", "routing_key_sealed__contains=a",
         "workspace__api_keys__digest__startswith=a", "name__startswith=a", "status__regex=(((", "kind__iregex=("],
    )  # fmt: skip
    def test_no_page_can_be_filtered_by_what_it_does_not_offer(
        self, root: Client, acme: Workspace, lookup: str
    ) -> None:
        for page in (*MODELS, "notifications/provider", "notifications/destination", "notifications/delivery"):
            assert root.get(f"/admin/{page}/?{lookup}").status_code in (302, 400), page

    def test_signing_in_is_guarded(self, client: Client) -> None:
        make_user("ana", make_workspace(), Role.ADMIN, is_staff=True)
        form = {"username": "ana", "password": "wrong"}
        for _ in range(10):
            assert "Too many" not in client.post("/admin/login/", form).content.decode()
        locked = client.post("/admin/login/", form | {"password": "correct horse battery"})
        assert "Too many sign-in attempts" in locked.content.decode()


def test_a_service_that_is_needed_cannot_be_deleted(root: Client, acme: Workspace) -> None:
    spare = make_service(acme, "spare")
    assert root.post(f"/admin/incidents/service/{spare.pk}/delete/", {"post": "yes"}).status_code == 302
    default = Service.objects.get()
    assert root.post(f"/admin/incidents/service/{default.pk}/delete/", {"post": "yes"}).status_code == 403
    root.post(
        "/admin/incidents/service/", {"action": "delete_selected", "_selected_action": [default.pk], "post": "yes"}
    )
    assert Service.objects.filter(pk=default.pk).exists()
