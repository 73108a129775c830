"""Paths of the incident pages; literals stand before ids, and ids are strict."""

from __future__ import annotations

from aiops.api.paths import path_pair
from incidents.response.console import views

urlpatterns = [
    *path_pair("console/incidents", views.incident_list, name="console-incidents"),
    *path_pair("console/incidents/bulk", views.bulk, name="console-bulk"),
    *path_pair("console/incidents/still", views.still, name="console-still"),
    *path_pair("console/incidents/new", views.new_incident, name="console-new-incident"),
    *path_pair("console/incidents/<incident:reference>", views.incident_page, name="console-incident"),
    *path_pair("console/incidents/<incident:reference>/alerts/<uuid:alert_id>", views.alert_page, name="console-alert"),
    *path_pair("console/incidents/<incident:reference>/<slug:action>", views.act, name="console-act"),
    *path_pair("console/dead-letters", views.dead_letters, name="console-dead-letters"),
]
