"""Paths of the client API below ``/notifications``."""

from __future__ import annotations

from django.urls import re_path

from aiops.api.client import ClientUnknown
from aiops.api.paths import path_pair
from notifications.escalation.api.client import routing, trying

urlpatterns = [
    *path_pair("notifications/routes", routing.Routes.as_view(), "client-routes"),
    *path_pair("notifications/routes/dry-run", routing.DryRun.as_view(), "client-routes-dry-run"),
    *path_pair("notifications/routes/<int:route_id>", routing.OneRoute.as_view(), "client-route"),
    *path_pair("notifications/test", trying.Test.as_view(), "client-notifications-test"),
    *path_pair("notifications/escalation", trying.Escalation.as_view(), "client-escalation"),
    re_path(r"^notifications/.*$", ClientUnknown.as_view()),
]
