"""Paths of the paging pages; literals stand before ids. ``oncall/urls.py`` has those of on-call."""

from __future__ import annotations

from django.urls import include, path

from aiops.api.paths import path_pair
from notifications.delivery.console import deliveries, installed

urlpatterns = [
    path("manifest.webmanifest", installed.manifest, name="manifest"),
    path("sw.js", installed.service_worker, name="service-worker"),
    path("", include("notifications.escalation.console.urls")),
    path("", include("notifications.delivery.console.destinations.urls")),
    path("", include("notifications.delivery.console.preferences.urls")),
    *path_pair("console/deliveries", deliveries.log, "console-deliveries"),
    *path_pair("console/deliveries/<slug:reference>", deliveries.page, "console-delivery"),
]
