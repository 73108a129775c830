"""Sign-in for programs that act for people: JSON web tokens for the dashboard API. Errors are ``{"error": "…"}``."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema, inline_serializer
from rest_framework import exceptions, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer, TokenRefreshSerializer

from aiops.access import loginguard
from aiops.access.models import User
from aiops.kernel import encodings
from aiops.kernel.clock import utcnow
from aiops.kernel.errors import InvalidInput, RateLimited, UnsupportedEncoding
from aiops.kernel.payload import read_object

WRONG = "No active account has this username and password."
STATUS = {"body_too_large": 413, "unsupported_encoding": 415}
STALE = "The refresh token is invalid or expired."
ERROR = inline_serializer("SignInError", {"error": serializers.CharField()})
MEANING = {
    "username": "The name with which the person signs in.",
    "password": "The person's password.",
    "access": "The access token, for `Authorization: Bearer`.",
    "refresh": "The refresh token, with which the access token is renewed.",
}


def _documented(summary: str, field: str, refused: str, sent: dict[str, str], answered: dict[str, str]) -> Any:
    """How one of the operations stands in the schema; *refused* is what its 401 says, *field* is one that it needs."""
    shapes = [
        inline_serializer(name, {one: serializers.CharField(help_text=MEANING[one]) for one in body})
        for name, body in ((f"SignIn{field.title()}", sent), (f"SignIn{field.title()}Answer", answered))
    ]
    refusals = {
        400: ("A field is missing, or the body is no JSON object.", f"{field}: This field is required."),
        401: ("The username and password, or the token, are wrong or expired.", refused),
        429: (
            "Too many attempts; `Retry-After` says in how many seconds to come again.",
            "Too many sign-in attempts. Try again in 17 s.",
        ),
    }
    return extend_schema(
        summary=summary,
        tags=["auth"],
        auth=[],
        request={"application/json": shapes[0]},
        responses={200: OpenApiResponse(shapes[1], "OK")}
        | {
            code: OpenApiResponse(ERROR, when, [OpenApiExample("refusal", value={"error": text})])
            for code, (when, text) in refusals.items()
        },
        examples=[
            OpenApiExample("request", value=sent, request_only=True),
            OpenApiExample("answer", value=answered, response_only=True),
        ],
    )


class _SignInView(APIView):
    """Open to everybody; turns every refusal into the dashboard's shape."""

    authentication_classes = ()
    permission_classes = ()
    parser_classes = ()  # bodies are read by payload.read_object, whatever their content type says
    metadata_class = None
    refusal = ""  # what a 401 says

    def fields(self) -> dict[str, Any]:
        """The JSON object that the request's body is; raises ``InvalidInput``."""
        return read_object(self.request.body, self.request.headers.get("Content-Encoding", ""))

    def handle_exception(self, exc: Exception) -> Response:
        """The refusal as ``{"error": …}``; what is no refusal is raised on."""
        match exc:
            case InvalidInput():
                response = _error(exc.message, STATUS.get(exc.code, status.HTTP_400_BAD_REQUEST))
                if isinstance(exc, UnsupportedEncoding):
                    response["Accept-Encoding"] = encodings.TAKEN
            case RequestDataTooBig():
                response = _error("The body is too large.", status.HTTP_413_REQUEST_ENTITY_TOO_LARGE)
            case RateLimited():
                response = _error(exc.message, status.HTTP_429_TOO_MANY_REQUESTS)
                response["Retry-After"] = str(exc.data["retry_after"])
            case exceptions.ValidationError():
                response = _error(_complaint(exc.detail), status.HTTP_400_BAD_REQUEST)
            case exceptions.AuthenticationFailed() | TokenError() | User.DoesNotExist():
                response = _error(self.refusal, status.HTTP_401_UNAUTHORIZED)
            case exceptions.APIException():
                response = _error(str(exc.detail), exc.status_code)
            case OperationalError() | InterfaceError():
                response = _error("The database can't be reached; try again.", status.HTTP_503_SERVICE_UNAVAILABLE)
                response["Retry-After"] = "5"
            case _:
                return super().handle_exception(exc)
        response.exception = True
        return response


class TokenView(_SignInView):
    """``POST {username, password}`` → ``{access, refresh}``."""

    refusal = WRONG

    @_documented(
        "Sign in",
        "username",
        WRONG,
        {"username": "dave", "password": "correct horse battery staple"},
        {"access": "eyJhbGciOi…", "refresh": "eyJhbGciOi…"},
    )
    def post(self, request: Request) -> Response:
        """Get an access token for ``Authorization: Bearer``, and a refresh token with which to renew it."""
        now = utcnow()
        fields = self.fields()
        serializer = TokenObtainPairSerializer(data=fields, context={"request": request})
        who = _username(fields), loginguard.address_of(request)
        loginguard.attempt(*who, now)
        serializer.is_valid(raise_exception=True)
        loginguard.succeeded(*who, now)
        return Response(serializer.validated_data)


class TokenRefreshView(_SignInView):
    """``POST {refresh}`` → ``{access}``."""

    refusal = STALE

    @_documented("Renew an access token", "refresh", STALE, {"refresh": "eyJhbGciOi…"}, {"access": "eyJhbGciOi…"})
    def post(self, request: Request) -> Response:
        """Get a fresh access token for a refresh token."""
        serializer = TokenRefreshSerializer(data=self.fields())
        serializer.is_valid(raise_exception=True)
        return Response(serializer.validated_data)


def _username(fields: dict[str, Any]) -> str:
    username = fields.get("username")
    return username if isinstance(username, str) else ""


def _error(message: str, code: int) -> Response:
    return Response({"error": message}, status=code)


def _complaint(detail: Any) -> str:
    """The first complaint of a serializer, naming its field."""
    if not isinstance(detail, dict):
        return "Invalid request body."
    field, problems = next(iter(detail.items()))
    text = str(problems[0] if isinstance(problems, list) else problems)
    return text if field == "non_field_errors" else f"{field}: {text}"
