"""Paths of v1. ``fallbacks`` are included after the paths of every app."""

from __future__ import annotations

from django.urls import re_path

from aiops.api.paths import path_pair
from aiops.api.v1 import V1Unknown
from incidents.response.api.v1 import views

ONE = "api/v1/incidents/<incident:name>"

urlpatterns = [
    *path_pair("api/v1/incidents", views.Incidents.as_view(), "v1-incidents"),
    *path_pair(ONE, views.OneIncident.as_view(), "v1-incident"),
    *path_pair(f"{ONE}/acknowledge", views.Acknowledge.as_view(), "v1-acknowledge"),
    *path_pair(f"{ONE}/snooze", views.Snooze.as_view(), "v1-snooze"),
    *path_pair(f"{ONE}/unsnooze", views.Unsnooze.as_view(), "v1-unsnooze"),
    *path_pair(f"{ONE}/resolve", views.Resolve.as_view(), "v1-resolve"),
    *path_pair(f"{ONE}/timeline", views.Timeline.as_view(), "v1-timeline"),
    *path_pair(f"{ONE}/remediation", views.Remediation.as_view(), "v1-remediation"),
]

VERBS = "acknowledge|snooze|unsnooze|resolve|timeline|remediation"

fallbacks = [
    re_path(rf"^api/v1/incidents/(?P<name>[^/]+)(?:/(?:{VERBS}))?/?$", views.NoSuchIncident.as_view()),
    re_path(r"^api/v1(?:/.*)?$", V1Unknown.as_view()),
]
