"""The OpenAPI page says of every operation what it does, what it takes, what it answers and how it refuses, with examples."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from jsonschema import Draft202012Validator

pytestmark = pytest.mark.django_db

VERBS = {
    "Acknowledge", "Add", "Change", "Create", "Delete", "Escalate", "Export", "Get", "List", "Open", "Preview", "Receive",
    "Renew", "Reopen", "Replace", "Resolve", "Send", "Sign", "Snooze", "Try", "Unacknowledge", "Unsnooze", "Use",
}  # fmt: skip
# Paths that are in no schema: pages for people, the schema itself, and what monitoring asks.
PAGES = re.compile(
    r"(admin|console|static|api/schema|api/docs|health|api/health|healthz|readyz|metrics)(/|$)|$|favicon|sw\.js|manifest\.webmanifest"
)


@pytest.fixture(scope="module")
def schema(django_db_setup: None, django_db_blocker: Any) -> dict[str, Any]:
    with django_db_blocker.unblock():
        return json.loads(Client().get("/api/schema").content)


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def contents(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body of an operation: the request's, and those of the responses that have one."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield "the request", content
    for status, response in operation["responses"].items():
        for content in response.get("content", {}).values():
            yield status, content


def resolved(schema: dict[str, Any], shape: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in shape:
        shape = schema["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
    return shape


def test_every_operation_is_named_after_its_action_and_described(schema: dict[str, Any]) -> None:
    names = [(name, operation.get("summary", "")) for name, operation in operations(schema)]
    assert not [name for name, summary in names if summary.partition(" ")[0] not in VERBS or len(summary) > 50]
    assert not [name for name, operation in operations(schema) if len(operation.get("description", "")) < 20]


def test_every_parameter_and_every_field_that_is_sent_says_what_it_means(schema: dict[str, Any]) -> None:
    silent = []
    for name, operation in operations(schema):
        silent += [
            f"{name}: {it['name']}"
            for it in operation.get("parameters", [])
            if not it.get("description") or not it["schema"]
        ]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            fields = resolved(schema, content["schema"]).get("properties", {})
            silent += [f"{name}: {field}" for field, shape in fields.items() if not shape.get("description")]
    assert not silent


def test_every_body_has_an_example(schema: dict[str, Any]) -> None:
    bodies = [(name, where, it) for name, operation in operations(schema) for where, it in contents(operation)]
    assert len(bodies) > 300
    assert not [f"{name}: {where}" for name, where, content in bodies if not content.get("examples")]


def test_every_example_is_what_its_schema_says_and_has_no_other_fields(schema: dict[str, Any]) -> None:
    shapes = schema["components"]["schemas"]
    strict = {
        name: shape | {"additionalProperties": False} if "properties" in shape else shape
        for name, shape in shapes.items()
    }
    wrong = []
    for name, operation in operations(schema):
        for where, content in contents(operation):
            check = Draft202012Validator({**content["schema"], "components": {"schemas": strict}})
            for example in content["examples"].values():
                partial = name.startswith("PATCH") and where == "the request"
                errors = [
                    it for it in check.iter_errors(example["value"]) if not (partial and it.validator == "required")
                ]
                wrong += [f"{name}: {where}: {error.json_path} {error.message[:200]}" for error in errors]
    assert not wrong


def test_every_operation_says_what_comes_back_and_how_it_refuses(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema):
        assert all(response.get("description") for response in operation["responses"].values()), name
        refusals = {status for status in operation["responses"] if status >= "400"}
        assert refusals & {"401", "403", "404"}, name
        if "{" in name and not name.startswith("POST /in/"):
            assert "404" in refusals, name


def test_examples_of_refusals_are_in_the_shape_of_their_dialect(schema: dict[str, Any]) -> None:
    shown = schema["paths"]["/api/v1/incidents/{name}/resolve"]["post"]["responses"]["409"]
    (example,) = shown["content"]["application/json"]["examples"].values()
    assert example["value"] == {
        "apiVersion": "v1",
        "kind": "Error",
        "error": {
            "code": 409,
            "message": "Incident already resolved",
            "details": "The incident 'INC-20260319-001' was already resolved at 2026-03-19T16:45:00Z",
        },
    }


def routes(resolver: URLResolver | None = None, before: str = "") -> Iterator[str]:
    """Every path of the project, with its parameters as the schema writes them; catch-alls left out."""
    for pattern in (resolver or get_resolver()).url_patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, path)
        elif isinstance(pattern, URLPattern) and not path.startswith("^") and "^" not in path:
            yield re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path)


def test_every_path_for_programs_is_in_the_schema(schema: dict[str, Any]) -> None:
    known = set(schema["paths"]) | {"/hooks/{kind}/{key}"}
    missing = {f"/{path}".rstrip("/") for path in routes() if not PAGES.match(path)} - known
    assert not missing
