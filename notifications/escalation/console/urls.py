"""Paths of the pages of policies and routes; literals stand before ids."""

from __future__ import annotations

from aiops.api.paths import path_pair
from notifications.escalation.console import foretelling, views
from notifications.escalation.console.routes import views as routes

BASE = "console/escalation"
ONE = f"{BASE}/<int:policy_id>"
ROUTES = "console/destinations/routes"

urlpatterns = [
    *path_pair(BASE, views.overview, "console-escalation"),
    *path_pair(f"{BASE}/new", views.new_policy, "console-escalation-new"),
    *path_pair(f"{BASE}/what-if", foretelling.page, "console-escalation-what-if"),
    *path_pair(f"{BASE}/services", views.services_page, "console-escalation-services"),
    *path_pair(f"{BASE}/services/<int:service_id>", views.set_service, "console-escalation-service"),
    *path_pair(ONE, views.policy_page, "console-escalation-policy"),
    *path_pair(f"{ONE}/versions/<int:number>", views.policy_page, "console-escalation-version"),
    *path_pair(f"{ONE}/edit", views.edit_policy, "console-escalation-edit"),
    *path_pair(f"{ONE}/delete", views.delete_policy, "console-escalation-delete"),
    *path_pair(ROUTES, routes.overview, "console-routes"),
    *path_pair(f"{ROUTES}/new", routes.new, "console-route-new"),
    *path_pair(f"{ROUTES}/<int:route_id>", routes.edit, "console-route"),
    *path_pair(f"{ROUTES}/<int:route_id>/remove", routes.remove, "console-route-remove"),
]
