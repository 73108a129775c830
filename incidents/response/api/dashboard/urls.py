"""Paths of the dashboard dialect. ``fallbacks`` are included after the paths of every app."""

from __future__ import annotations

from django.urls import re_path

from aiops.api.dashboard import DashboardUnknown
from aiops.api.paths import path_pair
from incidents.response.api.dashboard import views

ONE = "api/alerts/incidents/<incident:reference>"

urlpatterns = [
    *path_pair("api/alerts/incidents", views.Incidents.as_view(), "dashboard-incidents"),
    *path_pair(ONE, views.OneIncident.as_view(), "dashboard-incident"),
    *path_pair(f"{ONE}/notes", views.Notes.as_view(), "dashboard-notes"),
]

fallbacks = [
    re_path(r"^api/alerts/incidents/[^/]+(?:/notes)?/?$", views.NoSuchIncident.as_view()),
    re_path(r"^api/alerts(?:/.*)?$", DashboardUnknown.as_view()),
]
