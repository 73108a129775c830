"""Paths of the client dialect. ``fallbacks`` are included after the paths of every app."""

from __future__ import annotations

from django.urls import re_path

from aiops.api.client import ClientUnknown
from aiops.api.paths import path_pair
from incidents.response.api.client import views

ONE = "incidents/<incident:reference>"

urlpatterns = [
    *path_pair("webhook/dead-letter", views.DeadLetters.as_view(), "client-dead-letters"),
    *path_pair("incidents", views.Incidents.as_view(), "client-incidents"),
    *path_pair(ONE, views.OneIncident.as_view(), "client-incident"),
    *path_pair(f"{ONE}/timeline", views.Timeline.as_view(), "client-timeline"),
    *path_pair(f"{ONE}/acknowledge", views.Acknowledge.as_view(), "client-acknowledge"),
    *path_pair(f"{ONE}/unacknowledge", views.Unacknowledge.as_view(), "client-unacknowledge"),
    *path_pair(f"{ONE}/snooze", views.Snooze.as_view(), "client-snooze"),
    *path_pair(f"{ONE}/unsnooze", views.Unsnooze.as_view(), "client-unsnooze"),
    *path_pair(f"{ONE}/resolve", views.Resolve.as_view(), "client-resolve"),
    *path_pair(f"{ONE}/reopen", views.Reopen.as_view(), "client-reopen"),
    *path_pair(f"{ONE}/notes", views.Notes.as_view(), "client-notes"),
]

VERBS = "timeline|acknowledge|unacknowledge|snooze|unsnooze|resolve|reopen|notes"

fallbacks = [
    re_path(rf"^incidents/[^/]+(?:/(?:{VERBS}))?/?$", views.NoSuchIncident.as_view()),
    re_path(r"^(?:incidents|webhook)/.*$", ClientUnknown.as_view()),
]
