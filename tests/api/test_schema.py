"""The OpenAPI page: valid, without warnings, one entry per path, nothing from outside."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

pytestmark = pytest.mark.django_db

DOCS = Path(__file__).parents[2] / "docs" / "api"


@pytest.fixture
def schema(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    GENERATOR_STATS.reset()
    response = Client().get("/api/schema")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("application/json")
    assert not GENERATOR_STATS, capsys.readouterr().err  # warnings and errors of the generator
    return json.loads(response.content)


def test_it_is_openapi_3_1_and_valid(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1")
    validate_schema(schema)


def test_every_path_stands_once_and_without_a_slash(schema: dict[str, Any]) -> None:
    assert not [path for path in schema["paths"] if path.endswith("/") and path != "/"]
    for path in (
        "/api/v1/incidents",
        "/api/v1/incidents/{name}/resolve",
        "/api/alerts/incidents/{reference}/notes",
        "/incidents/{reference}/snooze",
        "/webhook/dead-letter",
        "/api/auth/token",
    ):
        assert path in schema["paths"]


def operations(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(path, operation) for path, methods in schema["paths"].items() for operation in methods.values()]


def test_operations_have_their_dialect_a_name_and_its_refusals(schema: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, operation in operations(schema)]
    assert len(ids) == len(set(ids))
    for path, operation in operations(schema):
        if path.startswith(("/api/v1/", "/incidents", "/webhook/dead-letter")):
            assert {"400", "401", "403", "429"} <= operation["responses"].keys(), path
            assert {"apiKeyHeader": []} in operation["security"]
            assert operation["tags"] == ["v1" if "/v1/" in path else "client"]
        if path.startswith("/api/alerts/incidents"):
            assert operation["tags"] == ["dashboard"]
            assert operation["security"] == [{"sessionCookie": []}, {"jwt": []}]


def test_filters_name_their_words(schema: dict[str, Any]) -> None:
    parameters = {p["name"]: p for p in schema["paths"]["/api/v1/incidents"]["get"]["parameters"]}
    assert {
        "severity",
        "state",
        "resource",
        "namespace",
        "since",
        "from",
        "to",
        "page",
        "pageSize",
    } <= parameters.keys()
    assert set(parameters["severity"]["schema"]["enum"]) == {"critical", "high", "medium", "low", "info"}
    assert "Escalated" in parameters["state"]["schema"]["enum"]


def test_shapes_of_the_dialects_are_told_apart(schema: dict[str, Any]) -> None:
    names = schema["components"]["schemas"].keys()
    assert {
        "V1IncidentOut",
        "DashboardIncidentOut",
        "ClientIncidentItem",
        "V1Error",
        "DashboardError",
        "ClientError",
    } <= names


def test_yaml_for_those_who_ask() -> None:
    response = Client().get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi"})
    assert response.status_code == 200
    assert response.content.startswith(b"openapi:")


def test_the_page_loads_nothing_from_outside_and_runs_no_inline_script() -> None:
    html = Client().get("/api/docs").content.decode()
    addresses = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert len(addresses) >= 4
    for address in addresses:
        assert address.startswith("/"), address
        response = Client().get(address)
        assert response.status_code == 200, address
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>", html)
    script = Client().get("/api/docs?script=").content.decode()
    assert "/api/schema" in script
    assert not re.search(r"https?://", script)


@pytest.mark.parametrize(("dialect", "page"), [("client", "client"), ("dashboard", "dashboard"), ("v1", "v1")])
def test_every_operation_is_on_its_page_of_the_docs(schema: dict[str, Any], dialect: str, page: str) -> None:
    text = (DOCS / f"{page}.md").read_text()
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            if operation["tags"] == [dialect]:
                shown = path.removeprefix("/api/v1").replace("{reference}", "{id}")
                assert f"| {method.upper()} | `{shown}`" in text
