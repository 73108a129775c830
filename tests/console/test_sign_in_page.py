"""Coming in, going out, and what one sees before and after."""

from __future__ import annotations

import pytest
from django.test import Client

from aiops.access.loginguard import TRIES

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


def sign_in(client: Client, username="ana", password=PASSWORD, **more):
    return client.post("/console/login", {"username": username, "password": password, **more})


@pytest.mark.parametrize(
    "path",
    [
        "/console", "/console/", "/console/incidents", "/console/incidents/new", "/console/dead-letters",
        "/console/incidents/inc-00000001", "/console/incidents/INC-20260319-001",
    ],
)  # fmt: skip
def test_nobody_sees_anything_before_signing_in(client, path):
    answer = client.get(path + "?severity=high")
    assert answer.status_code == 302
    assert answer["Location"] == f"/console/login?next={path}%3Fseverity%3Dhigh"


def test_a_fragment_for_nobody_sends_the_page_to_the_sign_in(client):
    answer = client.get("/console/incidents", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Redirect"]) == (401, "/console/login?next=%2Fconsole%2Fincidents&ended=yes")


def test_the_root_leads_to_the_console(client):
    assert client.get("/")["Location"] == "/console"


def test_the_right_password_leads_to_where_one_wanted(client, ana):
    assert sign_in(client)["Location"] == "/console"
    assert sign_in(Client(), next="/console/incidents?view=ended")["Location"] == "/console/incidents?view=ended"
    assert client.get("/console").status_code == 200


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_signing_in_never_leads_elsewhere(client, ana, elsewhere):
    assert sign_in(client, next=elsewhere)["Location"] == "/console"


def test_a_wrong_password_is_told_and_nothing_is_lost(client, ana):
    answer = sign_in(client, password="wrong", next="/console/incidents")
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Please enter a correct username and password" in page
    assert 'value="ana"' in page
    assert 'value="/console/incidents"' in page
    assert "wrong" not in page


def test_guessing_ends_soon(client, ana):
    for _ in range(TRIES):
        assert sign_in(client, password="wrong").status_code == 422
    answer = sign_in(client)
    assert answer.status_code == 429
    assert "Too many sign-in attempts" in answer.content.decode()


def test_signing_out_takes_a_post(client, ana):
    client.force_login(ana)
    assert client.get("/console/logout")["Location"] == "/console/login"
    assert client.get("/console").status_code == 200
    assert client.post("/console/logout")["Location"] == "/console/login"
    assert client.get("/console").status_code == 302


def test_who_is_signed_in_needs_no_second_sign_in(client, ana):
    client.force_login(ana)
    assert client.get("/console/login?next=/console/incidents")["Location"] == "/console/incidents"


def test_forms_are_guarded_against_other_pages(ana):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ana)
    assert client.post("/console/logout").status_code == 403
    assert client.post("/console/incidents/bulk").status_code == 403


class TestTheme:
    def test_dark_until_asked_otherwise(self, client):
        assert '<html lang="en" data-theme="dark">' in client.get("/console/login").content.decode()

    @pytest.mark.parametrize("theme", ["light", "auto", "dark"])
    def test_a_choice_is_kept(self, client, theme):
        answer = client.post(
            "/console/theme", {"theme": theme}, headers={"Referer": "http://testserver/console/incidents"}
        )
        assert answer["Location"] == "http://testserver/console/incidents"
        assert f'data-theme="{theme}"' in client.get("/console/login").content.decode()

    def test_once_by_the_url(self, client):
        assert 'data-theme="light"' in client.get("/console/login?theme=light").content.decode()
        assert 'data-theme="dark"' in client.get("/console/login").content.decode()

    @pytest.mark.parametrize("theme", ["", "neon", '"><script>'])
    def test_there_are_three(self, client, theme):
        assert "theme" not in client.post("/console/theme", {"theme": theme}).cookies
        assert 'data-theme="dark"' in client.get("/console/login", {"theme": theme}).content.decode()
