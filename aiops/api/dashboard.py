"""The dashboard dialect's base: ``{"error": …}`` for refusals; for people only, by session cookie or JSON web token."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from aiops.access.authentication import SessionOrJWTAuthentication
from aiops.api import envelopes
from aiops.api.errors import status_of
from aiops.api.views import DialectView, NothingHere
from aiops.kernel.errors import DomainError


class DashboardError(serializers.Serializer):
    """Every refusal of the dashboard API."""

    error = serializers.CharField()


class DashboardView(DialectView):
    """Base of ``/api/alerts/…``."""

    tag = "dashboard"
    error_serializer = DashboardError
    authentication_classes = (SessionOrJWTAuthentication,)

    def refusal(self, error: DomainError) -> tuple[int, dict[str, Any]]:
        status = status_of(error)
        return status, envelopes.dashboard(status, "Unauthorized" if status == 401 else error.message)


class DashboardUnknown(NothingHere, DashboardView):
    """Paths below ``/api/alerts/`` that nothing answers."""
