"""Paths of the front door for Django; the ASGI entry answers them before Django sees them."""

from __future__ import annotations

from aiops.api.paths import path_pair
from incidents.front.views import AlertmanagerView, EnqueueView, EventsView, SourceView, WebhookView

urlpatterns = [
    *path_pair("webhook", WebhookView.as_view(), name="ingest-webhook"),
    *path_pair("in/<str:key>", SourceView.as_view(), name="ingest-source"),
    *path_pair("api/events", EventsView.as_view(), name="ingest-events"),
    *path_pair("v2/enqueue", EnqueueView.as_view(), name="ingest-enqueue"),
    *path_pair("api/v2/alerts", AlertmanagerView.as_view(), name="ingest-alertmanager"),
]
