"""Paths of the console's own pages: sign-in, sign-out, theme, overview."""

from __future__ import annotations

from aiops.api.paths import path_pair
from aiops.console import views

urlpatterns = [
    *path_pair("console", views.overview, name="console-overview"),
    *path_pair("console/login", views.login, name="console-login"),
    *path_pair("console/logout", views.logout, name="console-logout"),
    *path_pair("console/proof", views.proof, name="console-proof"),
    *path_pair("console/theme", views.theme, name="console-theme"),
]
