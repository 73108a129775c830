"""``/`` and ``/console…``."""

from __future__ import annotations

from django.urls import include, path

from aiops.api.paths import path_pair
from aiops.console import views

urlpatterns = [
    path("", views.home, name="home"),
    *path_pair("console", views.overview, name="console-overview"),
    *path_pair("console/login", views.login, name="console-login"),
    *path_pair("console/logout", views.logout, name="console-logout"),
    *path_pair("console/theme", views.theme, name="console-theme"),
    path("", include("incidents.console.urls")),
]
