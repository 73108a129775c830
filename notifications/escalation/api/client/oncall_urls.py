"""Paths of on-call in the client API."""

from __future__ import annotations

from django.urls import path, re_path

from aiops.api.client import ClientUnknown
from aiops.api.paths import path_pair
from notifications.escalation.api.client import oncall

urlpatterns = [
    *path_pair("oncall/current", oncall.OnCall.as_view(), "client-on-call"),
    path("oncall/feeds/<slug:key>.ics", oncall.calendar_feed, name="calendar-feed"),
    re_path(r"^oncall/.*$", ClientUnknown.as_view()),
]
