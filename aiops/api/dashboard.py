"""The dashboard dialect's envelope: ``{"error": …}``; people only, by session cookie or JWT."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from aiops.access.authentication import SessionOrJWTAuthentication
from aiops.api.errors import status_of
from aiops.api.views import DialectView
from aiops.kernel.errors import DomainError, NotFound

OWN_STATUS = {"transition_refused": 400}  # the contract's "invalid status value"


class DashboardView(DialectView):
    """Base of ``/api/alerts/…``."""

    tag = "dashboard"
    authentication_classes = (SessionOrJWTAuthentication,)

    def refusal(self, error: DomainError) -> tuple[int, dict[str, Any]]:
        status = status_of(error, OWN_STATUS)
        return status, {"error": "Unauthorized" if status == 401 else error.message}  # noqa: PLR2004


class DashboardUnknown(DashboardView):
    """Paths below ``/api/alerts/`` that nothing answers."""

    schema = None

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise NotFound("Not found")

    post = put = patch = delete = get


class DashboardError(serializers.Serializer):
    """Every refusal of the dashboard API."""

    error = serializers.CharField()
