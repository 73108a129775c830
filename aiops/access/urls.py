"""Paths of the dashboard API's sign-in, each with and without a trailing slash."""

from __future__ import annotations

from django.urls import path

from aiops.access.views import TokenRefreshView, TokenView

urlpatterns = [
    path("api/auth/token", TokenView.as_view(), name="auth-token"),
    path("api/auth/token/", TokenView.as_view()),
    path("api/auth/token/refresh", TokenRefreshView.as_view(), name="auth-token-refresh"),
    path("api/auth/token/refresh/", TokenRefreshView.as_view()),
]
