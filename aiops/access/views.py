"""Sign-in for programs that act for people: JSON web tokens for the dashboard API. Errors are ``{"error": "…"}``."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
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

_Error = inline_serializer("SignInError", {"error": serializers.CharField()})
_ERRORS = {
    400: OpenApiResponse(_Error, "A field is missing or the body is no JSON object."),
    401: OpenApiResponse(_Error, "Wrong username or password, or a token that is invalid or expired."),
    429: OpenApiResponse(_Error, "Too many attempts; see Retry-After."),
}


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

    @extend_schema(
        operation_id="auth_token", tags=["auth"], auth=[], request=TokenObtainPairSerializer,
        responses={200: inline_serializer("TokenPair", {"access": serializers.CharField(), "refresh": serializers.CharField()}),
                   **_ERRORS},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Sign in: an access token for ``Authorization: Bearer``, and a refresh token to get the next one with."""
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

    @extend_schema(
        operation_id="auth_token_refresh", tags=["auth"], auth=[], request=TokenRefreshSerializer,
        responses={200: inline_serializer("AccessToken", {"access": serializers.CharField()}), **_ERRORS},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """A fresh access token for a refresh token."""
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
