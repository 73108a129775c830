"""OpenAPI: how an operation is documented. Tag, errors and their examples come from the dialect's view.

An operation brings its own summary, shapes and examples (:func:`operation`); its description is the docstring of its handler.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Literal

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from aiops.kernel.errors import (
    BodyTooLarge,
    Conflict,
    DomainError,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    Overloaded,
    RateLimited,
    UnparsableBody,
    UnsupportedEncoding,
)

JSON = "application/json"
ALWAYS = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE)

WHEN: dict[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "A parameter, a field or the whole body can't be read. The text names it and what was expected.",
    HTTPStatus.UNAUTHORIZED: "The credential is missing, unknown, expired or revoked.",
    HTTPStatus.FORBIDDEN: "The caller's role is too small, or the workspace is not the caller's.",
    HTTPStatus.NOT_FOUND: "There is no such thing, or the caller may not know of it.",
    HTTPStatus.METHOD_NOT_ALLOWED: "The path has no such method; the header `Allow` names those that it has.",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not arrive in time.",
    HTTPStatus.CONFLICT: "The present state does not allow it; the text says why.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than 1 MiB.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body's `Content-Encoding` is none of `gzip`, `deflate` and `identity`.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A parameter or field is wrong. The text names it and what was expected.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests in this minute; `Retry-After` says in how many seconds to come again.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The database is away; `Retry-After` says in how many seconds to come again.",
}
SAMPLES: tuple[DomainError, ...] = (
    InvalidInput("severity must be one of: critical, high, medium, low, info (not 'urgent')", field="severity"),
    UnparsableBody("The body must be a JSON object"),
    NotAuthenticated("The API key is unknown, expired or revoked."),
    NotPermitted("This takes the role operator or admin", details="The caller is viewer"),
    NotFound("Incident not found"),
    Conflict("Incident already resolved", details="The incident was already resolved at 2026-03-19T16:45:00Z"),
    BodyTooLarge("The body is larger than 1048576 bytes"),
    UnsupportedEncoding("The Content-Encoding 'br' is not read here; send the body as gzip, deflate or identity."),
    RateLimited(
        "Rate limit exceeded: 500 requests a minute for this key.",
        details="Try again in 17 s.",
        data={"retry_after": 17},
    ),
    Overloaded("The database can't be reached; send this again", data={"retry_after": 5}),
)

Endpoint = tuple[str, str, str, Any]


def operation(
    summary: str,
    *,
    answer: Any,
    answered: Any = None,
    status: int = HTTPStatus.OK,
    request: Any = None,
    sent: Any = None,
    parameters: Sequence[OpenApiParameter] = (),
    **more: Any,
) -> Any:
    """How a handler stands in the schema: *summary* names the action, *request* and *answer* are serializers (None: no body),
    *sent* and *answered* an example of each. The handler's docstring is the description."""
    examples = []
    if sent is not None:
        examples.append(OpenApiExample("request", value=sent, request_only=True))
    if answered is not None:
        examples.append(OpenApiExample("answer", value=answered, response_only=True, status_codes=[str(int(status))]))
    response = OpenApiResponse(answer, HTTPStatus(status).phrase)
    return extend_schema(
        summary=summary,
        request=request,
        responses={int(status): response},
        parameters=list(parameters),
        examples=examples,
        **more,
    )


def without_slash_twins(endpoints: Iterable[Endpoint], **_: Any) -> list[Endpoint]:
    """Every API path answers with a trailing slash too; the page names it once, without."""
    endpoints = list(endpoints)
    paths = {path for path, *_ in endpoints}
    return [endpoint for endpoint in endpoints if not (endpoint[0].endswith("/") and endpoint[0].rstrip("/") in paths)]


class HandlerSchema(AutoSchema):
    """An operation is described by its handler's docstring, never by its class's; bodies are JSON whatever parses them."""

    def get_description(self, *_: Any) -> str:
        return inspect.getdoc(getattr(self.view, self.method.lower(), None)) or ""

    def map_parsers(self) -> list[str]:
        return [JSON]


class DialectSchema(HandlerSchema):
    """Takes tag, shared parameters and errors from the dialect's view, so that no operation has to repeat them."""

    view: Any  # a ``DialectView``; that module imports this one

    def get_tags(self) -> list[str]:
        return [self.view.tag]

    def get_operation_id(self) -> str:
        """The dialect and the view: ``v1_acknowledge``."""
        view = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self.view).__name__).lower()
        return "_".join([self.view.tag, view, *([] if self.method in ("GET", "POST") else [self.method.lower()])])

    def get_override_parameters(self) -> Any:
        return list(self.view.parameters)

    def _get_serializer_name(self, serializer: Any, direction: str, bypass_extensions: bool = False) -> str:
        """Dialects have shapes of the same name: the page tells them apart by the dialect's."""
        name, dialect = super()._get_serializer_name(serializer, direction, bypass_extensions), self.view.tag.title()
        return name if name.startswith(dialect) else f"{dialect}{name}"

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        for status in self._refusals():
            answer = OpenApiResponse(self.view.error_serializer, WHEN[status], self._refusal_example(status))
            bodies.setdefault(
                str(status.value), self._get_response_for_code(answer, str(status.value), direction=direction)
            )
        return dict(sorted(bodies.items()))

    def _refusal_example(self, status: HTTPStatus) -> list[OpenApiExample]:
        """The body that the dialect itself makes of a refusal with that status."""
        for sample in (*self.view.samples, *SAMPLES):
            found, body = self.view.refusal(sample)
            if found == status:
                return [OpenApiExample("refusal", value=body)]
        return []

    def _refusals(self) -> Iterable[HTTPStatus]:
        yield from ALWAYS
        yield from self.view.refusals
        if "{" in self.path:
            yield HTTPStatus.NOT_FOUND
        if self.method != "GET":
            yield HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            yield HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        if self.method != "GET" and "{" in self.path:
            yield HTTPStatus.CONFLICT
        if self.view.limited:
            yield HTTPStatus.TOO_MANY_REQUESTS


def query(name: str, description: str, kind: Any = str, **more: Any) -> OpenApiParameter:
    """A query parameter."""
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=description, **more)


def part(name: str, description: str, kind: Any = str, **more: Any) -> OpenApiParameter:
    """A part of the path."""
    return OpenApiParameter(name, kind, OpenApiParameter.PATH, description=description, **more)


WORKSPACE_HEADER = OpenApiParameter(
    "X-Workspace-Id",
    str,
    OpenApiParameter.HEADER,
    description="The workspace's id, such as `ws-acme`, for a key of several workspaces. Default: all that the key may see.",
)
WORKSPACE = query("workspace_id", "The workspace's id, where several workspaces have an incident of this name.")


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "aiops.access.authentication.ApiKeyAuthentication"
    name: Any = ("apiKeyHeader", "apiKeyQuery")

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, str]]:
        return [
            {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            {"type": "apiKey", "in": "query", "name": "api_key"},
        ]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[str]]]:
        return [{name: []} for name in self.name]


class IngestKeyScheme(ApiKeyScheme):
    target_class = "aiops.access.authentication.IngestKeyAuthentication"
    name: Any = ("ingestKeyHeader", "ingestKeyQuery", "ingestKeyBearer")

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, str]]:
        return [*super().get_security_definition(auto_schema), {"type": "http", "scheme": "bearer"}]


class PeopleScheme(OpenApiAuthenticationExtension):
    target_class = "aiops.access.authentication.SessionOrJWTAuthentication"
    name: Any = ("sessionCookie", "jwt")

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, str]]:
        return [
            {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "Writes need X-CSRFToken too."},
            {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "From POST /api/auth/token."},
        ]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[str]]]:
        return [{name: []} for name in self.name]
