"""Paths at which answers come in."""

from __future__ import annotations

from aiops.api.paths import path_pair
from notifications.hooks import respond

urlpatterns = [
    *path_pair("respond/<str:token>", respond.respond, name="respond"),
]
