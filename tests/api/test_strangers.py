"""What comes without a sign-in, or to no path at all: never a traceback, and answered as the sender speaks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.test import Client

from aiops.access.actors import Role
from aiops.access.models import Workspace
from aiops.asgi import application
from incidents.response.console.consumer import parse_message
from tests.api.conftest import Caller
from tests.factories import make_user
from tests.patience import PATIENCE

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.mark.parametrize(
    ("path", "envelope"),
    [
        ("/api/v1/nothing", {"apiVersion", "kind", "error"}),
        ("/api/v2/nothing", {"code", "message"}),
        ("/api/alerts/nothing", {"error"}),
        ("/api/auth/nothing", {"error"}),
        ("/api/events/nothing", {"error", "meta"}),
        ("/v2/nothing", {"status", "message", "errors"}),
        ("/api/nothing", {"detail"}),
        ("/api", {"detail"}),
        ("/in", {"detail"}),
        ("/in/a/b", {"detail"}),
        ("/hooks/nothing", {"detail"}),
        ("/incidents/x/y/z", {"detail"}),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_of_an_api_is_a_404_in_its_envelope(
    operator: Caller, method: str, path: str, envelope: set[str]
) -> None:
    response = Client().generic(method, path, b"{}", headers={**operator.headers, "Accept": "text/html"})
    assert response["Content-Type"] == "application/json"
    if path != "/api/alerts/nothing":  # it asks who comes first
        assert response.status_code == 404
        assert response.json().get("code", 404) == 404
    assert set(response.json()) == envelope


@pytest.mark.parametrize(
    ("headers", "is_json"),
    [
        ({"Accept": "application/json"}, True),
        ({"Accept": "application/problem+json, */*"}, True),
        ({"Accept": "text/html,application/json"}, False),
        ({}, False),
    ],
)
def test_elsewhere_who_asks_for_json_gets_json(headers: dict[str, str], is_json: bool) -> None:
    response = Client().get("/nothing", headers=headers)
    assert (response.status_code, response["Content-Type"].startswith("application/json")) == (404, is_json)


def test_doubled_slashes_are_one_at_every_api(operator: Caller) -> None:
    for path in ("//incidents", "//api//v1/incidents", "/api/v1//incidents//", "//health", "//webhook//dead-letter"):
        assert operator.get(f"http://testserver{path}").status == 200, path
    assert Client().get("http://testserver//api//alerts/incidents").status_code == 401


@pytest.mark.parametrize(
    "path", ["/api/docs", "/api/schema", "/webhook", "/api/auth/token", "/incidents", "/console/login"]
)
@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PROPFIND", "DELETE", "HEAD"])
def test_odd_methods_are_refused_or_answered(method: str, path: str) -> None:
    assert Client().generic(method, path).status_code in (200, 401, 403, 405)


@pytest.mark.parametrize("host", ["a b", "evil_/..", "[::1", "x" * 300, "é", ""])
def test_a_host_that_is_none_is_one_line_in_the_log(host: str, caplog: pytest.LogCaptureFixture) -> None:
    for path in ("/api/v1/incidents", "/health", "/console/login"):
        response = Client().get(path, headers={"Host": host})
        if response.status_code == 400:
            assert response["Content-Type"] == "application/json"
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_schemes_have_no_case(workspace: Workspace, scheme: str) -> None:
    make_user("ana", workspace, Role.ADMIN)
    body = json.dumps({"username": "ana", "password": PASSWORD})
    access = Client().post("/api/auth/token", body, content_type="application/json").json()["access"]
    response = Client().get("/api/alerts/incidents", headers={"Authorization": f"{scheme} {access}"})
    assert response.status_code == 200


@pytest.mark.parametrize(
    "target", ["abc", "console", "javascript:x", "//evil.example", "https://evil.example/", "\\\\x", "a/b"]
)
def test_a_way_back_that_is_no_path_of_ours_is_not_taken(workspace: Workspace, target: str) -> None:
    client, user = Client(), make_user("ana", workspace, Role.ADMIN)
    signed_in = client.post("/console/login", {"username": "ana", "password": PASSWORD, "next": target})
    assert (signed_in.status_code, signed_in["Location"]) == (302, "/console")
    client.force_login(user)
    assert client.get("/console/login", {"next": target})["Location"] == "/console"
    assert client.post("/console/theme", {"theme": "light", "next": target})["Location"] == "/console"


def test_a_pattern_that_is_none_in_an_address_of_the_admin_is_a_bad_request(workspace: Workspace) -> None:
    client, user = Client(), make_user("root", workspace, Role.ADMIN)
    user.is_staff = user.is_superuser = True
    user.save()
    client.force_login(user)
    for query in ("status__regex=(((", "title__iregex=[", "status__regex=a{99999}"):
        assert client.get(f"/admin/incidents/incident/?{query}").status_code in (302, 400), query


@pytest.mark.parametrize("path", ["/health", "/incidents", "/api/alerts/incidents", "/api/v1/incidents", "/api/docs", "/nothing",
                                  "/console/login", "/api/auth/token", "/webhook", "/static/none.css"])  # fmt: skip
def test_every_answer_carries_the_headers_of_safety(operator: Caller, path: str) -> None:
    response = Client().get(path, headers=operator.headers)
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert "default-src" in response["Content-Security-Policy"]
    if "json" in response["Content-Type"]:
        assert "no-store" in response["Cache-Control"]
        assert {"Authorization", "Cookie", "X-API-Key"} <= set(response["Vary"].split(", "))


async def handshake(path: str) -> str:
    """What a socket to *path* hears first."""
    scope = {"type": "websocket", "path": path, "headers": [], "query_string": b"", "subprotocols": []}
    communicator = ApplicationCommunicator(application, scope)  # type: ignore[arg-type]
    await communicator.send_input({"type": "websocket.connect"})
    heard = str((await communicator.receive_output(5))["type"])
    await communicator.send_input({"type": "websocket.disconnect", "code": 1000})
    await communicator.wait(PATIENCE)
    return heard


@pytest.mark.parametrize("path", ["/ws/x", "/", "/ws/console/x", "/webhook", "/ws/\ufffd"])
async def test_a_socket_to_nowhere_is_refused(path: str) -> None:
    assert await handshake(path) == "websocket.close"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/ws/console", "/ws/console/", "//ws//console//"])
async def test_slashes_make_no_difference_to_the_socket(path: str) -> None:
    assert await handshake(path) == "websocket.accept", "and then it hears that nobody is signed in"


@pytest.mark.parametrize("text", ["[" * 15_000, '{"a":' * 15_000, "", "x", "\x00"])
def test_rubbish_in_a_socket_is_nothing(text: str) -> None:
    assert parse_message(text) == {}


def test_json_of_commands_is_read_as_it_is_meant(operator: Caller, workspace: Workspace) -> None:
    from tests.factories import make_incident

    incident = make_incident(workspace)
    path = f"/incidents/{incident.public_id}/notes"
    bodies: list[Any] = [
        b'\xef\xbb\xbf{"content": "bom", "note": "bom", "text": "bom"}',
        '{"content": "utf-16", "note": "utf-16", "text": "utf-16"}'.encode("utf-16"),
        b'{"content": "two\nlines", "note": "two\nlines", "text": "two\nlines"}',
    ]
    for body in bodies:
        assert operator.post(path, body).status in (200, 201), body
