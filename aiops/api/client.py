"""The client dialect's base: ``{"detail": …}`` for refusals, 422 for wrong values, 400 for bodies that can't be read."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from aiops.access.authentication import ApiKeyAuthentication
from aiops.api import envelopes
from aiops.api.errors import status_of
from aiops.api.schema import WORKSPACE_HEADER
from aiops.api.views import DialectView, NothingHere
from aiops.kernel.errors import DomainError

OWN_STATUS = {"invalid_input": HTTPStatus.UNPROCESSABLE_ENTITY}


class ClientError(serializers.Serializer):
    """Every refusal of the client API."""

    detail = serializers.CharField()


class ClientView(DialectView):
    """Base of the root paths: API key in the header or the query."""

    tag = "client"
    error_serializer = ClientError
    limited = True
    refusals: ClassVar[tuple[HTTPStatus, ...]] = (HTTPStatus.UNPROCESSABLE_ENTITY,)
    parameters: ClassVar[Sequence[OpenApiParameter]] = (WORKSPACE_HEADER,)
    authentication_classes = (ApiKeyAuthentication,)

    def refusal(self, error: DomainError) -> tuple[int, dict[str, Any]]:
        status = status_of(error, OWN_STATUS)
        # "Incident not found" says it all; a conflict has more to tell.
        more = f". {error.details}" if error.details and status != HTTPStatus.NOT_FOUND else ""
        return status, envelopes.client(status, f"{error.message.rstrip('.')}{more}")


class ClientUnknown(NothingHere, ClientView):
    """Paths below our literals that nothing answers."""
