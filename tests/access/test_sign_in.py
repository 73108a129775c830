"""Signing in: tokens for the dashboard API, and the guard against guessing at every door."""

from __future__ import annotations

import gzip
import json
import zlib
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client, RequestFactory
from rest_framework_simplejwt.tokens import RefreshToken

from aiops.access import loginguard
from aiops.access.forms import GuardedAdminAuthenticationForm, GuardedAuthenticationForm
from aiops.access.models import User
from aiops.kernel.errors import RateLimited
from tests.factories import NOW, make_user, make_workspace

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.urls")]

PASSWORD = "correct horse battery"


@pytest.fixture
def user() -> User:
    return make_user("ana", make_workspace())


def sign_in(client: Client, **body: Any) -> Any:
    return client.post("/api/auth/token", body, content_type="application/json")


class TestTokens:
    @pytest.mark.parametrize("slash", ["", "/"])
    def test_the_right_password_gets_a_pair_that_opens_the_dashboard(
        self, client: Client, user: User, slash: str
    ) -> None:
        body = {"username": "ana", "password": PASSWORD}
        answer = client.post(f"/api/auth/token{slash}", body, content_type="application/json")
        assert answer.status_code == 200
        pair = answer.json()
        assert sorted(pair) == ["access", "refresh"]
        headers = {"Authorization": f"Bearer {pair['access']}"}
        assert client.get("/dashboard", headers=headers).json()["label"] == "ana"
        again = client.post(
            f"/api/auth/token/refresh{slash}", {"refresh": pair["refresh"]}, content_type="application/json"
        )
        assert again.status_code == 200
        headers = {"Authorization": f"Bearer {again.json()['access']}"}
        assert client.get("/dashboard", headers=headers).status_code == 200

    def test_a_refresh_token_is_no_access_token(self, client: Client, user: User) -> None:
        token = RefreshToken.for_user(user)
        assert client.get("/dashboard", headers={"Authorization": f"Bearer {token}"}).status_code == 401

    @pytest.mark.parametrize(("username", "password"), [("ana", "wrong"), ("nobody", PASSWORD)])
    def test_a_wrong_pair_is_a_401_that_does_not_say_which(
        self, client: Client, user: User, username: str, password: str
    ) -> None:
        answer = sign_in(client, username=username, password=password)
        assert answer.status_code == 401
        assert answer.json() == {"error": "No active account has this username and password."}

    def test_the_deactivated_are_refused_also_with_an_older_token(self, client: Client, user: User) -> None:
        token = str(RefreshToken.for_user(user))
        User.objects.update(is_active=False)
        assert sign_in(client, username="ana", password=PASSWORD).status_code == 401
        answer = client.post("/api/auth/token/refresh", {"refresh": token}, content_type="application/json")
        assert answer.status_code == 401

    def test_a_token_that_is_bad_expired_or_of_a_deleted_user_is_a_401(self, client: Client, user: User) -> None:
        expired, deleted = RefreshToken.for_user(user), RefreshToken.for_user(user)
        expired.set_exp(lifetime=timedelta(seconds=-1))
        User.objects.all().delete()
        for token in ("x", str(expired), str(deleted), str(deleted.access_token)):
            answer = client.post("/api/auth/token/refresh", {"refresh": token}, content_type="application/json")
            assert (answer.status_code, list(answer.json())) == (401, ["error"])

    @pytest.mark.parametrize(
        ("body", "complaint"),
        [
            (b"{}", "username: This field is required."),
            (b'{"username": "ana"}', "password: This field is required."),
            (b'{"username": "", "password": "x"}', "username: This field may not be blank."),
            (b'{"username": ["ana"], "password": "x"}', "username: Not a valid string."),
            (b'{"username": "a\\u0000", "password": "x"}', "username contains a NUL character"),
            (b"[]", "The body must be a JSON object, not an array"),
            (b"{", "The body is not valid JSON"),
            (b"\xff", "The body is not valid JSON"),
            (b'{"username": "\\ud800", "password": "x"}', "username contains half of a surrogate pair"),
        ],
    )
    def test_a_body_that_cannot_be_read_is_a_400_that_names_the_field(
        self, client: Client, body: bytes, complaint: str
    ) -> None:
        answer = client.post("/api/auth/token", body, content_type="application/json")
        assert answer.status_code == 400
        assert answer.json()["error"].startswith(complaint)
        answer = client.post("/api/auth/token/refresh", b"{}", content_type="application/json")
        assert (answer.status_code, answer.json()) == (400, {"error": "refresh: This field is required."})

    def test_other_methods_and_bodies_are_refused_in_the_same_shape(self, client: Client) -> None:
        for answer, status in ((client.get("/api/auth/token"), 405), (client.post("/api/auth/token", {"a": "b"}), 400)):
            assert (answer.status_code, list(answer.json())) == (status, ["error"])

    @pytest.mark.parametrize(
        "kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=latin-1"]
    )
    def test_json_is_read_whatever_its_content_type_says(self, client: Client, user: User, kind: str) -> None:
        body = json.dumps({"username": "ana", "password": PASSWORD})
        pair = client.post("/api/auth/token", body, content_type=kind)
        assert pair.status_code == 200, pair.content
        refresh = json.dumps({"refresh": pair.json()["refresh"]})
        assert client.post("/api/auth/token/refresh", refresh, content_type=kind).status_code == 200

    @pytest.mark.parametrize("encode", [gzip.compress, zlib.compress])
    def test_compressed_json_is_read_and_other_encodings_are_refused_by_name(
        self, client: Client, user: User, encode: Any
    ) -> None:
        body = encode(json.dumps({"username": "ana", "password": PASSWORD}).encode())
        name = "gzip" if encode is gzip.compress else "deflate"
        answer = client.post("/api/auth/token", body, content_type="x/y", headers={"Content-Encoding": name})
        assert answer.status_code == 200
        refused = client.post("/api/auth/token", body, content_type="x/y", headers={"Content-Encoding": "br"})
        assert (refused.status_code, refused["Accept-Encoding"]) == (415, "gzip, deflate, identity")
        assert "'br'" in refused.json()["error"]


class TestGuard:
    def test_after_ten_tries_even_the_right_password_waits(self, client: Client, user: User) -> None:
        statuses = [sign_in(client, username="ana", password="wrong").status_code for _ in range(11)]
        assert statuses == [401] * 10 + [429]
        locked = sign_in(client, username="ANA", password=PASSWORD)
        assert locked.status_code == 429
        assert 1 <= int(locked["Retry-After"]) <= 300
        assert locked.json()["error"].startswith("Too many sign-in attempts.")

    def test_others_and_other_addresses_are_not_held_up(self, client: Client, user: User) -> None:
        make_user("ben", make_workspace())
        for _ in range(11):
            sign_in(client, username="ana", password="wrong")
        assert sign_in(client, username="ben", password=PASSWORD).status_code == 200
        elsewhere = Client(REMOTE_ADDR="192.0.2.7")
        assert sign_in(elsewhere, username="ana", password=PASSWORD).status_code == 200

    def test_many_names_from_one_address_are_limited_together(self, client: Client, user: User) -> None:
        for n in range(loginguard.FAILURES):
            assert sign_in(client, username=f"name-{n}", password="spring2026").status_code == 401
        assert sign_in(client, username="one-more", password="spring2026").status_code == 429
        assert sign_in(client, username="ana", password=PASSWORD).status_code == 429
        assert sign_in(Client(REMOTE_ADDR="192.0.2.7"), username="ana", password=PASSWORD).status_code == 200

    def test_an_office_that_signs_in_is_not_limited(self, client: Client, user: User) -> None:
        for _ in range(loginguard.FAILURES + 5):
            assert sign_in(client, username="ana", password=PASSWORD).status_code == 200

    def test_a_network_of_ipv6_addresses_is_one_address(self) -> None:
        for n in range(loginguard.FAILURES):
            loginguard.attempt(f"name-{n}", f"2001:db8::{n:x}", NOW)
        with pytest.raises(RateLimited):
            loginguard.attempt("ana", "2001:db8::ffff", NOW)
        loginguard.attempt("ana", "2001:db8:0:1::1", NOW)

    def test_a_proxy_that_is_not_believed_is_named_in_the_log(self, caplog: pytest.LogCaptureFixture) -> None:
        request = RequestFactory().post("/console/login", REMOTE_ADDR="10.0.0.9", HTTP_X_FORWARDED_FOR="198.51.100.4")
        assert loginguard.address_of(request) == "10.0.0.9"
        assert "10.0.0.9" in caplog.text and "FORWARDED_ALLOW_IPS" in caplog.text

    def test_a_right_password_makes_earlier_failures_forgotten(self, client: Client, user: User) -> None:
        for _ in range(3):
            for _ in range(9):
                assert sign_in(client, username="ana", password="wrong").status_code == 401
            assert sign_in(client, username="ana", password=PASSWORD).status_code == 200

    def test_it_ends_after_five_minutes(self) -> None:
        for _ in range(10):
            loginguard.attempt("ana", "::1", NOW)
        with pytest.raises(RateLimited) as refused:
            loginguard.attempt("ana", "::1", NOW)
        loginguard.attempt("ana", "::1", NOW + timedelta(seconds=refused.value.data["retry_after"]))

    @pytest.mark.parametrize("form", [GuardedAuthenticationForm, GuardedAdminAuthenticationForm])
    def test_the_sign_in_forms_are_guarded_too(self, user: User, form: type[GuardedAuthenticationForm]) -> None:
        User.objects.update(is_staff=True)
        request = RequestFactory().post("/console/login")

        def attempt(password: str) -> GuardedAuthenticationForm:
            return form(request, {"username": "ana", "password": password})

        assert attempt(PASSWORD).is_valid()
        for _ in range(10):
            refused = attempt("wrong")
            assert not refused.is_valid()
            assert not refused.has_error("__all__", "rate_limited")
        locked = attempt(PASSWORD)
        assert not locked.is_valid()
        assert locked.has_error("__all__", "rate_limited")
