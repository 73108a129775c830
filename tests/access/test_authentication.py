"""Who gets in where: every credential against views as the dialects have them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from rest_framework_simplejwt.tokens import AccessToken

from aiops.access import keyring
from aiops.access.actors import SYSTEM, Role
from aiops.access.models import ApiKey, User, Workspace
from aiops.access.services.keys import create_key, flush_uses, revoke_key
from aiops.kernel.clock import utcnow
from incidents.choices import SourceKind
from incidents.models import Service, Source
from tests.factories import make_user, make_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.urls")]

KEYED = ("/keyed", "/ingest")


def make_key(workspace: Workspace | None, role: Role = Role.OPERATOR, **fields: Any) -> str:
    _, raw = create_key(actor=SYSTEM, name=f"{role.word} key", workspace=workspace, role=role, now=utcnow(), **fields)
    keyring.refresh()
    return raw


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


class TestApiKeys:
    @pytest.mark.parametrize("role", list(Role))
    @pytest.mark.parametrize("path", KEYED)
    def test_a_key_acts_with_its_role_in_its_workspace(self, client: Client, path: str, role: Role) -> None:
        workspace = make_workspace()
        raw = make_key(workspace, role)
        for answer in (client.get(path, headers={"X-API-Key": raw}), client.get(f"{path}?api_key={raw}")):
            body = answer.json()
            assert answer.status_code == 200
            assert body["kind"] == "api_key"
            assert body["label"] == f"{role.word} key"
            assert body["roles"] == {str(workspace.pk): role.word}
            assert body["everywhere"] is None
            assert body["same"]

    @pytest.mark.parametrize("path", KEYED)
    def test_without_a_good_key_nobody_gets_in(self, client: Client, path: str) -> None:
        make_key(make_workspace())
        missing = client.get(path)
        assert missing.status_code == 401
        assert missing.json() == {"error": "An API key is required: send it in the X-API-Key header or as ?api_key=."}
        for wrong in (client.get(path, headers={"X-API-Key": "ak_wrong"}), client.get(f"{path}?api_key=%00%ff")):
            assert wrong.status_code == 401
            assert wrong.json() == {"error": "The API key is unknown, expired or revoked."}

    def test_bearer_api_key_and_basic_are_for_senders_of_signals(self, client: Client) -> None:
        raw = make_key(make_workspace())
        for value in (f"Bearer {raw}", f"Api-Key {raw}", basic("anyone", raw), basic(raw, "")):
            assert client.get("/ingest", headers={"Authorization": value}).status_code == 200
            assert client.get("/keyed", headers={"Authorization": value}).status_code == 401

    def test_an_expired_key_is_refused_at_its_instant_without_a_refresh(self, client: Client) -> None:
        raw = make_key(make_workspace(), expires_at=utcnow() + timedelta(hours=1))
        assert keyring.find(raw, utcnow()) is not None
        assert keyring.find(raw, utcnow() + timedelta(hours=1)) is None

    def test_a_revocation_holds_with_the_next_refresh(self, client: Client) -> None:
        raw = make_key(make_workspace())
        assert client.get("/keyed", headers={"X-API-Key": raw}).status_code == 200
        revoke_key(actor=SYSTEM, key_id=ApiKey.objects.get().pk, now=utcnow())
        keyring.refresh()
        assert client.get("/keyed", headers={"X-API-Key": raw}).status_code == 401

    def test_a_key_made_since_the_last_refresh_is_found(self, client: Client) -> None:
        make_key(make_workspace())
        _, raw = create_key(actor=SYSTEM, name="new", workspace=None, role=Role.VIEWER, now=utcnow())
        keyring._snapshot._tried_at = 0.0  # the pause between two looks after a miss has passed
        assert client.get("/keyed", headers={"X-API-Key": raw}).status_code == 200

    def test_keys_of_the_environment_work_in_the_primary_workspace(self, client: Client, settings: Settings) -> None:
        settings.AIOPS_API_KEYS = ["env-secret:viewer"]
        workspace = make_workspace("Primary Workspace", keyring.PRIMARY_WORKSPACE)
        keyring.refresh()
        body = client.get("/keyed", headers={"X-API-Key": "env-secret"}).json()
        assert body["roles"] == {str(workspace.pk): "viewer"}
        assert body["id"].startswith("env:viewer-")
        assert "env-secret" not in str(body)

    def test_the_use_of_a_key_is_noted(self, client: Client) -> None:
        raw = make_key(make_workspace())
        client.get("/keyed", headers={"X-API-Key": raw})
        assert flush_uses(utcnow()) == 1
        assert ApiKey.objects.get().last_used_at is not None


class TestDevMode:
    @pytest.mark.parametrize("path", KEYED)
    def test_everybody_local_is_admin_everywhere(self, client: Client, path: str) -> None:
        for headers in ({}, {"Host": "localhost:8888"}, {"Host": "127.0.0.1:8888", "X-API-Key": "anything"}):
            body = client.post(path, headers=headers).json()
            assert (body["id"], body["everywhere"]) == ("dev", "admin")

    @pytest.mark.parametrize(
        "headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
    )
    @pytest.mark.parametrize("path", KEYED)
    def test_other_peoples_pages_are_refused(self, client: Client, path: str, headers: dict[str, str]) -> None:
        answer = client.post(path, headers=headers)
        assert answer.status_code == 403
        assert "dev mode" in answer.json()["error"]

    def test_the_dashboard_stays_closed(self, client: Client) -> None:
        keyring.refresh()
        assert client.get("/dashboard").status_code == 401

    def test_one_key_ends_it(self, client: Client) -> None:
        assert client.get("/keyed").status_code == 200
        make_key(make_workspace())
        assert client.get("/keyed").status_code == 401


class TestWorkspaceChoice:
    def test_a_key_of_one_workspace_may_name_it_and_no_other(self, client: Client) -> None:
        own, other = make_workspace("Acme", "ws-acme"), make_workspace("Other", "ws-other")
        raw = make_key(own)
        for good in ({"X-Workspace-Id": "ws-acme"}, {"X-Workspace-Name": "acme"}):
            answer = client.get("/keyed", headers={"X-API-Key": raw, **good})
            assert answer.json()["roles"] == {str(own.pk): "operator"}
        for bad in ({"X-Workspace-Id": other.slug}, {"X-Workspace-Name": "Other"}, {"X-Workspace-Id": "ws-unknown"}):
            assert client.get("/keyed", headers={"X-API-Key": raw, **bad}).status_code == 403
            assert client.post("/ingest", headers={"X-API-Key": raw, **bad}).status_code == 403

    def test_a_key_of_all_workspaces_is_limited_to_the_one_it_names(self, client: Client) -> None:
        workspace = make_workspace("Acme", "ws-acme")
        raw = make_key(None, Role.VIEWER)
        body = client.get("/keyed", headers={"X-API-Key": raw, "X-Workspace-Id": "ws-acme"}).json()
        assert body["roles"] == {str(workspace.pk): "viewer"}
        assert body["everywhere"] is None

    def test_what_is_sent_first_to_an_unknown_workspace_makes_it_whole(self, client: Client) -> None:
        name = "Acme Überwachung".encode().decode("latin-1")  # as servers hand on what clients send in UTF-8
        headers = {"X-API-Key": make_key(None), "X-Workspace-Id": "ws-acme", "X-Workspace-Name": name}
        for _ in range(2):
            assert client.post("/ingest", headers=headers).status_code == 200
        workspace = Workspace.objects.get()
        assert (workspace.slug, workspace.name) == ("ws-acme", "Acme Überwachung")
        assert Service.objects.get(workspace=workspace).is_default
        assert Source.objects.filter(workspace=workspace, is_default=True).count() == len(SourceKind)

    def test_reading_makes_none_and_a_viewer_makes_none(self, client: Client) -> None:
        operator, viewer = make_key(None), make_key(None, Role.VIEWER)
        name = {"X-Workspace-Name": "Acme"}
        assert client.get("/keyed", headers={"X-API-Key": operator, **name}).status_code == 404
        assert client.post("/ingest", headers={"X-API-Key": viewer, **name}).status_code == 403
        assert not Workspace.objects.exists()

    @pytest.mark.parametrize(
        "bad", [{"X-Workspace-Id": "no blanks"}, {"X-Workspace-Id": "x" * 65}, {"X-Workspace-Name": "n" * 201}]
    )
    def test_an_impossible_name_is_said_to_be_one(self, client: Client, bad: dict[str, str]) -> None:
        assert client.post("/ingest", headers={"X-API-Key": make_key(None), **bad}).status_code == 400


class TestDashboard:
    @pytest.fixture
    def user(self) -> User:
        return make_user("ana", make_workspace("Acme"), Role.VIEWER)

    @pytest.fixture
    def strict(self, user: User) -> Client:
        """A browser with a session, whose writes are checked as in production."""
        client = Client(enforce_csrf_checks=True)
        client.force_login(user)
        return client

    def test_a_session_reads(self, strict: Client, user: User) -> None:
        body = strict.get("/dashboard").json()
        assert (body["kind"], body["id"], body["label"]) == ("user", str(user.pk), "ana")
        assert list(body["roles"].values()) == ["viewer"]

    def test_a_session_writes_only_with_its_csrf_token(self, strict: Client) -> None:
        refused = strict.patch("/dashboard")
        assert refused.status_code == 403
        assert "CSRF" in refused.json()["error"]
        token = "t" * 32
        strict.cookies["csrftoken"] = token
        assert strict.patch("/dashboard", headers={"X-CSRFToken": token}).status_code == 200

    def test_a_jwt_needs_no_csrf_token_and_goes_before_the_session(self, strict: Client) -> None:
        other = make_user("ben", make_workspace("Other"), Role.ADMIN)
        answer = strict.patch("/dashboard", headers={"Authorization": f"Bearer {AccessToken.for_user(other)}"})
        assert answer.status_code == 200
        assert answer.json()["label"] == "ben"

    def test_nobody_and_the_deactivated_are_turned_away(self, client: Client, strict: Client, user: User) -> None:
        token = str(AccessToken.for_user(user))
        assert client.get("/dashboard").status_code == 401
        User.objects.update(is_active=False)
        assert strict.get("/dashboard").status_code == 401
        assert client.get("/dashboard", headers={"Authorization": f"Bearer {token}"}).status_code == 401

    @pytest.mark.parametrize(
        "send",
        [
            lambda client, raw: client.get("/dashboard", headers={"X-API-Key": raw}),
            lambda client, raw: client.get(f"/dashboard?api_key={raw}"),
            lambda client, raw: client.get("/dashboard", headers={"Authorization": f"Bearer {raw}"}),
            lambda client, raw: client.get("/dashboard", headers={"Authorization": f"Api-Key {raw}"}),
            lambda client, raw: client.get("/dashboard", headers={"Authorization": basic("x", raw)}),
        ],
    )
    def test_an_api_key_never_opens_it(self, client: Client, send: Callable[[Client, str], Any]) -> None:
        assert send(client, make_key(None, Role.ADMIN)).status_code == 401

    def test_an_api_key_as_bearer_is_refused_even_beside_a_session(self, strict: Client) -> None:
        raw = make_key(None, Role.ADMIN)
        assert strict.get("/dashboard", headers={"Authorization": f"Bearer {raw}"}).status_code == 401

    def test_a_malformed_or_expired_token_is_a_401(self, client: Client, user: User) -> None:
        expired = AccessToken.for_user(user)
        expired.set_exp(lifetime=timedelta(seconds=-1))
        for token in ("x", "a.b.c", "two words", str(expired)):
            assert client.get("/dashboard", headers={"Authorization": f"Bearer {token}"}).status_code == 401
