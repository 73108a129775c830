"""Framework exceptions translated into domain errors, and the HTTP status of each domain error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from django.http.request import RawPostDataException
from rest_framework import exceptions as drf

from aiops.kernel.errors import (
    BodyTooLarge,
    DomainError,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    Overloaded,
    RateLimited,
    UnparsableBody,
)

RETRY_SECONDS = 5  # what we ask for while the database is away


class MethodNotAllowed(DomainError):
    """The path exists, the method doesn't; the ``Allow`` header names those that do."""

    code = "method_not_allowed"


class InternalError(DomainError):
    """A bug of ours; the log has the traceback."""

    code = "internal_error"


STATUS: dict[str, int] = {
    "error": 400,
    "invalid_input": 400,
    "unparsable_body": 400,
    "not_authenticated": 401,
    "not_permitted": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "body_too_large": 413,
    "unsupported_encoding": 415,
    "rate_limited": 429,
    "internal_error": 500,
    "overloaded": 503,
}


def status_of(error: DomainError, own: Mapping[str, int] | None = None) -> int:
    """The HTTP status of *error*: by its code or the nearest ancestor's, in the dialect's *own* table before the common one."""
    for ancestor in type(error).__mro__:
        code = ancestor.__dict__.get("code", "")
        for table in (own or {}, STATUS):
            if code in table:
                return table[code]
    return STATUS["error"]


def as_domain_error(exc: Exception) -> DomainError | None:
    """*exc* as a refusal of ours; None when it is a bug."""
    if isinstance(exc, DomainError):
        return exc
    if isinstance(exc, drf.APIException):
        return _from_drf(exc)
    if isinstance(exc, Http404):
        return NotFound("Not found")
    if isinstance(exc, PermissionDenied):
        return NotPermitted(str(exc) or "Not permitted")
    if isinstance(exc, RequestDataTooBig):
        return BodyTooLarge("The body is too large")
    if isinstance(exc, RawPostDataException):
        return UnparsableBody("Send the body as JSON, not as a form")
    if isinstance(exc, UnreadablePostError | SuspiciousOperation):
        return UnparsableBody("The request can't be read")
    if isinstance(exc, OperationalError | InterfaceError):
        return Overloaded("The database can't be reached; send this again", data={"retry_after": RETRY_SECONDS})
    return None


def _from_drf(exc: drf.APIException) -> DomainError:
    if isinstance(exc, drf.ValidationError):
        return _invalid(exc.detail)
    if isinstance(exc, drf.MethodNotAllowed):
        return MethodNotAllowed("Method not allowed", details=_sentence(exc.detail))
    for theirs, ours in {
        drf.NotFound: NotFound,
        drf.PermissionDenied: NotPermitted,
        drf.NotAuthenticated: NotAuthenticated,
        drf.AuthenticationFailed: NotAuthenticated,
        drf.Throttled: RateLimited,
        drf.ParseError: UnparsableBody,
        drf.UnsupportedMediaType: UnparsableBody,
    }.items():
        if isinstance(exc, theirs):
            return ours(_sentence(exc.detail))
    return InvalidInput(_sentence(exc.detail)) if exc.status_code < 500 else InternalError("Internal server error")


def _invalid(detail: Any) -> InvalidInput:
    """The first complaint of a serializer, with the path of its field unless the complaint names it already."""
    path: list[str] = []
    while isinstance(detail, dict | list) and detail:
        if isinstance(detail, dict):
            key, detail = next(iter(detail.items()))
            if key != "non_field_errors":
                path.append(str(key))
        else:
            detail = next((item for item in detail if item), detail[0])
    field, complaint = ".".join(path), str(detail).rstrip(".")
    named = not path or path[-1].lower() in complaint.lower()
    return InvalidInput(complaint if named else f"{field}: {complaint}", field=field)


def _sentence(detail: Any) -> str:
    """Some libraries put an object where the text belongs."""
    return str(detail.get("detail", "")) if isinstance(detail, dict) else str(detail)
