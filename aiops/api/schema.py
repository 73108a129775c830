"""The OpenAPI page: one tag per dialect, each operation with its dialect's refusals, every path once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

ALWAYS = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)

Endpoint = tuple[str, str, str, Any]


def without_slash_twins(endpoints: Iterable[Endpoint], **_: Any) -> list[Endpoint]:
    """Every API path answers with a trailing slash too; the page names it once, without."""
    endpoints = list(endpoints)
    paths = {path for path, *_ in endpoints}
    return [endpoint for endpoint in endpoints if not (endpoint[0].endswith("/") and endpoint[0].rstrip("/") in paths)]


class DialectSchema(AutoSchema):
    """Takes tag, error body and usual refusals from the dialect's view, so that no operation has to repeat them."""

    def get_tags(self) -> list[str]:
        return [self.view.tag]

    def get_operation_id(self) -> str:
        """The dialect and the view: ``v1_acknowledge``."""
        view = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self.view).__name__).lower()
        return "_".join([self.view.tag, view, *([] if self.method in ("GET", "POST") else [self.method.lower()])])

    def _get_serializer_name(self, serializer: Any, direction: str, bypass_extensions: bool = False) -> str:
        """Dialects have shapes of the same name: the page tells them apart by the dialect's."""
        name, dialect = super()._get_serializer_name(serializer, direction, bypass_extensions), self.view.tag.title()
        return name if name.startswith(dialect) else f"{dialect}{name}"

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        for status in self._refusals():
            answer = OpenApiResponse(self.view.error_serializer, status.phrase)
            bodies.setdefault(
                str(status.value), self._get_response_for_code(answer, str(status.value), direction=direction)
            )
        return dict(sorted(bodies.items()))

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


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "aiops.access.authentication.ApiKeyAuthentication"
    name = ("apiKeyHeader", "apiKeyQuery")

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, str]]:
        return [
            {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            {"type": "apiKey", "in": "query", "name": "api_key"},
        ]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[str]]]:
        return [{name: []} for name in self.name]


class IngestKeyScheme(ApiKeyScheme):
    target_class = "aiops.access.authentication.IngestKeyAuthentication"
    name = ("ingestKeyHeader", "ingestKeyQuery", "ingestKeyBearer")

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, str]]:
        return [*super().get_security_definition(auto_schema), {"type": "http", "scheme": "bearer"}]


class PeopleScheme(OpenApiAuthenticationExtension):
    target_class = "aiops.access.authentication.SessionOrJWTAuthentication"
    name = ("sessionCookie", "jwt")

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, str]]:
        return [
            {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "Writes need X-CSRFToken too."},
            {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "From POST /api/auth/token."},
        ]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[str]]]:
        return [{name: []} for name in self.name]
