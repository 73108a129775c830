"""Paths of the pages about paging; literals stand before ids. On-call has its own (``oncall/urls.py``)."""

from __future__ import annotations

from django.urls import include, path

from aiops.api.paths import path_pair
from notifications.console import deliveries, installed
from notifications.console.destinations import views as destinations
from notifications.console.preferences import views as preferences

urlpatterns = [
    path("manifest.webmanifest", installed.manifest, name="manifest"),
    path("sw.js", installed.service_worker, name="service-worker"),
    path("", include("notifications.console.escalation.urls")),
    *path_pair("console/destinations", destinations.overview, "console-destinations"),
    *path_pair("console/notifications", preferences.page, "console-notifications"),
    *path_pair("console/deliveries", deliveries.log, "console-deliveries"),
    *path_pair("console/deliveries/<slug:reference>", deliveries.page, "console-delivery"),
]
