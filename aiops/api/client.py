"""The client dialect's envelope: ``{"detail": …}`` for refusals, 422 for values, 400 for what can't be read at all."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from aiops.access.authentication import ApiKeyAuthentication
from aiops.api.errors import status_of
from aiops.api.views import DialectView
from aiops.kernel.errors import DomainError, NotFound

OWN_STATUS = {"invalid_input": 422}


class ClientView(DialectView):
    """Base of the root paths: API key in the header or the query."""

    tag = "client"
    limited = True
    authentication_classes = (ApiKeyAuthentication,)

    def refusal(self, error: DomainError) -> tuple[int, dict[str, Any]]:
        text = f"{error.message}: {error.details}" if error.details else error.message
        return status_of(error, OWN_STATUS), {"detail": text}


class ClientUnknown(ClientView):
    """Paths below our literals that nothing answers."""

    schema = None

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise NotFound("Not found")

    post = put = patch = delete = get


class ClientError(serializers.Serializer):
    """Every refusal of the client API."""

    detail = serializers.CharField()
