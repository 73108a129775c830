"""The door's paths, for Django; the ASGI entry answers them before Django sees them."""

from __future__ import annotations

from aiops.api.paths import path_pair
from incidents.front.views import IngestView

view = IngestView.as_view()

urlpatterns = [
    *path_pair("webhook", view, name="ingest-webhook"),
    *path_pair("in/<str:key>", view, name="ingest-source"),
    *path_pair("api/events", view, name="ingest-events"),
    *path_pair("v2/enqueue", view, name="ingest-enqueue"),
    *path_pair("api/v2/alerts", view, name="ingest-alertmanager"),
]
