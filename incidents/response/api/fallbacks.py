"""Fallback paths: each dialect's own 404 for paths that no app answers. Included last."""

from __future__ import annotations

from incidents.response.api.client.urls import fallbacks as client
from incidents.response.api.dashboard.urls import fallbacks as dashboard
from incidents.response.api.v1.urls import fallbacks as v1

urlpatterns = [*v1, *dashboard, *client]
